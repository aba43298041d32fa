"""What a fit or an evaluation reads."""
