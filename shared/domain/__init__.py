"""The rules, as plain Python without I/O: what a session, a caller, an audit record is, and what may happen to it."""
