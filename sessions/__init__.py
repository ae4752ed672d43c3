"""The upload sessions of a resource: list and count them, delete one. Graph's others have a folder each."""
