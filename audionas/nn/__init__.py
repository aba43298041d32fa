"""Blocks, candidate operations and the edges where choices live."""
