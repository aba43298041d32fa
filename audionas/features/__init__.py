"""Waveform to (B, 1, F, T): MFCC and log-mel front-ends, SpecAugment, the feature store."""
