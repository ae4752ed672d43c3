"""Rows that point to other rows, or say when to look at them. Each is written before what it points to."""
