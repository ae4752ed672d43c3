"""The files of an upload session: list and count them, read one, download its bytes, delete one, validate one."""
