"""Access for one catalog or one resource: create, list and delete grants."""
