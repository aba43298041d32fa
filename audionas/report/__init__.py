"""Pages, charts and tables: what people look at."""
