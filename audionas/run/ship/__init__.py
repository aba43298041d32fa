"""Parts that only export needs."""
