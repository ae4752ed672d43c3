"""The client, as people run it: the installed command as a process, against the real service."""
