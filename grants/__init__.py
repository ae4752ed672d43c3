"""Create, list and delete grants, which give access to one catalog or one resource."""
