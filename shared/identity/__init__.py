"""Authentication and authorization: who a caller is, and whether the caller may do what the request asks for."""
