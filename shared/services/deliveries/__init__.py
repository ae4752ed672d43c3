"""Handing complete sessions on: one attempt at a time, for each target."""
