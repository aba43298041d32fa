"""The search methods: one method per file, and the file name is its registered name."""
