"""What is really wrong with a file or a row that the rules refuse, and what to do, in the words of who exported it.

A cause is looked for when a refusal is certain, so this may take time. The alternatives are tried in the order of what
is certain. If none fits, the rules' own findings stand.
"""
