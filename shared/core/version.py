"""The version of the service, as its health and its OpenAPI document state it (semantic versioning)."""

VERSION = "0.9.0"
