"""How a space is searched: one method a file, the file name is its registered name."""
