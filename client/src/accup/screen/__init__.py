"""What people see: progress bars, tables, and the last line. Results go to stdout, everything else to stderr."""
