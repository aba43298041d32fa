"""Processes that share work: forked ones in order, and workers that are asked."""
