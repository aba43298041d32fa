"""A trained model as files: the bundle, ONNX, and the proof that they agree."""
