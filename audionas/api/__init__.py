"""The door for Python: what `import audionas` shows, as values; the commands do the same work."""
