"""Recordings and labels: Kaldi data directories, audio files, augmentation, batches."""
