"""The careful reader: reads one row at a time, and finds every fault with its line and column."""
