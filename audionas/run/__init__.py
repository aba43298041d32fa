"""The work of the commands, one page each, readable from top to bottom."""
