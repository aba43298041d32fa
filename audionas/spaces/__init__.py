"""The networks that exist: one search space per file, and the file name is its registered name."""
