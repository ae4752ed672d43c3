"""The operations on sessions and files: each applies the rules of ``shared.domain`` and stores the result."""
