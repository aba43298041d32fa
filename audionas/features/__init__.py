"""Waveform -> features (B, 1, F, T): front-ends by name, their settings, masks, and a store of them."""

from audionas.features._conf import Features, SpecAugment, build
from audionas.features._frontend import FeatureStream, FrameStream, FrontEnd
from audionas.features._mix_style import freq_mix_style, styled
from audionas.features._normalize import Normalize
from audionas.features._specaugment import spec_augment
from audionas.features._store import feature_store, statistics

__all__ = [
    "FeatureStream",
    "Features",
    "FrameStream",
    "FrontEnd",
    "Normalize",
    "SpecAugment",
    "build",
    "feature_store",
    "freq_mix_style",
    "spec_augment",
    "statistics",
    "styled",
]
