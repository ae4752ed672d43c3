"""About the service itself: its OpenAPI document, and answers for paths that do not exist."""
