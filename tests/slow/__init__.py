"""Tests that take long by nature: in a short form with ``dev.py test --all``, in full by hand."""
