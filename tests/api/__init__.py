"""The service over HTTP, by operation, on a real Azurite."""
