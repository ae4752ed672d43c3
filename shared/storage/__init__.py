"""Table Storage and Blob Storage: clients, rows, keys, transactions and blobs. Only this package imports their SDKs."""
