"""The rows of one resource, which are in one partition so that they change together: sessions, files, deliveries."""
