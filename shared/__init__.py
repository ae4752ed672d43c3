"""What the operations share: the rules, the wire, and the storage."""
