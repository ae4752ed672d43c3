"""The CSV files of access data: their layouts, and the validator that names every fault by its line and column."""
