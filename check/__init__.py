"""The operator's checker: what an account has stored, against the invariants of ``docs/invariants.md``."""
