"""The open refusals of an upload session: list them, withdraw one. Not part of Graph's API."""
