"""The HTTP side: routes, the wrapper of every handler, reading requests, building responses, the OpenAPI document."""
