"""OData query options: what a URL may ask for, read and checked."""
