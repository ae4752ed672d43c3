"""The packages that all functions share.

Imports go one way: web > services > identity > models > storage > query > domain > core. The validator of uploads,
``access_data``, imports none of the others.
"""
