"""People: matches the accounts in a file with the users of a directory, by exact comparison, never by similarity.

``directory_file`` reads a directory's CSV file and makes an index of it, ``index`` searches that index, ``exceptions``
reads an application's own list of accounts, and ``matching`` decides whose account it is.
"""
