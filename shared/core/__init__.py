"""Settings, errors, ids and times, which every other package uses. It imports no other package of the app."""
