"""The version of the service, as its health and its OpenAPI document state it (semantic versioning)."""

VERSION = "1.0.0"
