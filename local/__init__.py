"""Runs the app without Azure: Azurite for storage, and a host for the routes and timers that the app declares."""
