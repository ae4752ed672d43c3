"""Every storage call of every operation, made to fail in every way: ``python -m tests.faults``.

Each case prepares a session, lets one operation run, spoils one of its storage calls, repeats the request as a client
would until it is answered, and then looks at what is there. The number of calls is not written down anywhere: an
operation is run with its first call spoiled, then its second, until it ends without having been hit.
"""
