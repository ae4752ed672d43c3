"""What people see beside sessions: descriptions of resources, grants, and what is visible to a caller."""
