"""What runs on a developer's machine: dev.py and the package local."""
