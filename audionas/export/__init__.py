"""A trained model as files: ONNX, LiteRT, ESPHome, and the proof that they agree."""
