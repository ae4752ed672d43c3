"""The CSV files of access data: their layouts, and the validator that reports every fault with its line and column.

The package imports nothing but the standard library and NumPy, so that a client can ship it unchanged. Its public
names: ``validator.Validator`` checks a file, ``findings.Report`` and ``findings.Finding`` are the result,
``codes.Code`` has every code with its meaning, and ``layouts.LAYOUTS`` are the column layouts. Only ``validator``
needs NumPy. Behind it are two readers: ``careful`` reads row by row, ``fast`` many at once.
"""
