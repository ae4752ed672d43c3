"""The service itself: its OpenAPI document, its health, and the responses for paths that do not exist."""
