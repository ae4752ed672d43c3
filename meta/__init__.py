"""About the service itself: its OpenAPI document, its health, and answers for paths that do not exist."""
