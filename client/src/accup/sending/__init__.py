"""Sends files into a session: what there is to do, doing it, and the receipt."""
