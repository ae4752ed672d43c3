"""HTTP: routes, the wrapper around every handler, reading requests, building responses, the OpenAPI document."""
