"""What official code computes, and how it was recorded."""
