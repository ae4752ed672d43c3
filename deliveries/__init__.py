"""Deliveries of complete sessions: the queue trigger that delivers, and the operation that tries again."""
