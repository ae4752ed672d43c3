"""OData query options: parses and checks them."""
