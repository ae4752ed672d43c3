"""What is accepted although it is not plain CSV: it is unambiguous, so it is turned into plain CSV before it is read.

Nothing else in the package knows of it. Every kind is a ``Conversion``; what was converted in a file is one warning.
"""
