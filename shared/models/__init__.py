"""The wire format: request bodies, response bodies, and the JSON of the domain's objects."""
