"""From a file as it was uploaded to its rows: decode, separate, name the columns, match the principals.

What an application declares (``declaration``) says how. A file that is in Graph's form needs no step.
"""
