"""Sessions, callers and audit records, and the rules that apply to them: plain Python without I/O."""
