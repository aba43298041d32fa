"""Advice on a page: what an expert would say of a run's figures, one idea per file, and what to type next."""
