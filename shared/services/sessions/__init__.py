"""The life of a session: it is created, read, listed, completed, ended, and expires."""
