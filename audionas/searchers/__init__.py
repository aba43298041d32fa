"""Searchers, which choose the networks to score: one per file, and the file name is its registered name."""
