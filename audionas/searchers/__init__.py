"""Which networks are scored, and when: one searcher a file, the file name is its registered name."""
