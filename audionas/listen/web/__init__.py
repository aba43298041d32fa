"""A page that listens with an exported model, and the server that shows it."""
