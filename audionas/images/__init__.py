"""Images: sets of them on disk, decoded once, augmented in batches."""
