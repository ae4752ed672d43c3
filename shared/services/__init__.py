"""What the app does: each operation on sessions and files, from the rule to what is stored."""
