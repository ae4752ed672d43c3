"""Authentication (who the caller is) and authorization (what the caller is permitted to do)."""
