"""The checker of stored data."""
