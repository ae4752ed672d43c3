"""What everything else rests on: settings, errors, ids and times. It imports nothing else of the app."""
