"""Exported models on continuous sound: events, thresholds, the microphone, the browser."""
