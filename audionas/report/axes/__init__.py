"""The axes of charts: scales, the room for their words, and the bands of chance."""
