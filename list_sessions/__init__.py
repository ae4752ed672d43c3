"""List and count the upload sessions of a resource."""
