"""Read the audit records: every change with its time and caller."""
