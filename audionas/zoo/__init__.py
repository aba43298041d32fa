"""Architecture files (JSON) of published and hand-made networks; data only."""
