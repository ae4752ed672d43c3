"""Hands complete sessions on: a client of Microsoft Graph's upload sessions, CloudEvents, and webhooks."""
