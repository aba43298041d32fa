"""What a trained model is: its bundle, the model in torch, the stream, and what listens through a file."""
