"""A file on its way into a session, or out of it: received, stored, refused, deleted."""
