"""Which networks exist: one search space a file, the file name is its registered name."""
