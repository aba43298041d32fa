"""The clips that a report shows with the model's answers."""
