"""The page in a real browser: Playwright drives Debian's Chromium against the running service on Azurite."""
