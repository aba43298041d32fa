"""What only export needs."""
