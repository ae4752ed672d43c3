"""Applications by name: describe a resource of a catalog, and list the resources that a caller may see."""
