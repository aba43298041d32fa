"""How a network is fitted: one loop, one checkpoint format, for search and training alike."""
