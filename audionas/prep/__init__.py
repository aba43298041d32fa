"""Corpus-specific parts for the pages of data_prep/; nothing else in the library imports them."""
