"""The rows of one catalog that are no session's: grants, and the descriptions of resources."""
