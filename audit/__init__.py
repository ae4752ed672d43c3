"""The audit of changes: who did what, and when."""
