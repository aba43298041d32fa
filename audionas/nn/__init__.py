"""Blocks, candidate operations and the edges that hold choices."""
