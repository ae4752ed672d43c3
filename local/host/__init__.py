"""Our own Functions host: answers requests as Microsoft's host does, for a computer that does not have that host.

Where it differs from Microsoft's, a test would believe what is not true in Azure. So its rules are those that were
recorded from the real one: ``tests/local/recorded_host`` has 149 requests with the answers of Functions host 4.1037.0,
and ``tests/local/test_recorded_host.py`` compares them.
"""
