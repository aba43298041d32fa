"""Trained models: the bundle, the model in torch, the stream, and the listeners that run a file."""
