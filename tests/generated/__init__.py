"""Clients that public generators make of the OpenAPI document: one of Python, one of TypeScript."""
