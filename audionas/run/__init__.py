"""What the commands do, one page each, readable from top to bottom."""
