"""Azure's SDKs: connections, tables, blobs, the queue. Only this package makes calls; it knows rows, not sessions."""
