"""The directory: the row that says which one is the current one, and the blobs with its index."""
