"""What the pages of data_prep/ need of their corpora; nothing else of the library imports it."""
