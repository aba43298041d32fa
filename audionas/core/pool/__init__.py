"""Processes that share work: forked ones with ordered results, and workers that answer questions."""
