"""The fit of a network: one loop and one checkpoint format, for search and training alike."""
