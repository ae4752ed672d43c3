"""Imports the app as a host does, and prints the error that stops it: ``python -m tests.support.imported``."""

try:
    import function_app  # noqa: F401
except Exception as error:  # noqa: BLE001
    print(type(error).__name__)
