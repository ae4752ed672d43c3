"""Copies what is stored into a folder, while the service runs, and back into an empty account. docs/operate.md."""
