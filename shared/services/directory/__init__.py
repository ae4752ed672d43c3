"""The directory, with whose users the accounts in files are matched: taking, telling of, using and removing it."""
