"""Mel-frequency cepstral coefficients: the front-end of TC-ResNet, DS-CNN, MatchboxNet and SparkNet."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from audionas.features._frontend import FrontEnd, Settings
from audionas.features.logmel import LogMel


class MFCC(FrontEnd):
    """The first `n_mfcc` coefficients of the orthonormal DCT-II of `LogMel`'s bands.

    Presets. `tc_resnet`: Choi et al. 2019 (arXiv 1904.03814) as in its code: 30 ms window, 10 ms hop, 64
    bands over 80-7600 Hz, power spectrum, log(x + 1e-6), 40 coefficients; 98 frames per second. `ds_cnn`:
    ARM's keyword-spotting code (Zhang et al. 2017, arXiv 1711.07128) has 40/20 ms, 40 bands over 20-4000
    Hz of the magnitude spectrum, 10 coefficients and 49 frames per second; filters that are triangular in
    hertz instead of mel, the offset 1e-6 in place of its floor 1e-12, and the orthonormal scale are ours.
    `matchboxnet`: Majumdar and Ginsburg 2020 (arXiv 2004.08531) as in NVIDIA's NeMo: 25 ms window, 10 ms hop,
    64 bands up to 8000 Hz, power spectrum, log(x + 1e-6), 64 coefficients; 101 frames per second. `sparknet`:
    Svirsky et al. 2024 (arXiv 2406.06634), the same with 32 bands and 32 coefficients.
    """

    PRESETS: ClassVar[Mapping[str, Settings]] = {
        "tc_resnet": {
            "sample_rate": 16000,
            "window_ms": 30.0,
            "hop_ms": 10.0,
            "n_fft": 512,
            "n_mels": 64,
            "n_mfcc": 40,
            "f_min": 80.0,
            "f_max": 7600.0,
            "center": False,
            "power": 2.0,
            "log_offset": 1e-6,
        },
        "ds_cnn": {
            "sample_rate": 16000,
            "window_ms": 40.0,
            "hop_ms": 20.0,
            "n_fft": 1024,
            "n_mels": 40,
            "n_mfcc": 10,
            "f_min": 20.0,
            "f_max": 4000.0,
            "center": False,
            "power": 1.0,
            "log_offset": 1e-6,
        },
        "matchboxnet": {
            "sample_rate": 16000,
            "window_ms": 25.0,
            "hop_ms": 10.0,
            "n_fft": 512,
            "n_mels": 64,
            "n_mfcc": 64,
            "f_min": 0.0,
            "f_max": 8000.0,
            "center": True,
            "power": 2.0,
            "log_offset": 1e-6,
        },
        "sparknet": {
            "sample_rate": 16000,
            "window_ms": 25.0,
            "hop_ms": 10.0,
            "n_fft": 512,
            "n_mels": 32,
            "n_mfcc": 32,
            "f_min": 0.0,
            "f_max": 8000.0,
            "center": True,
            "power": 2.0,
            "log_offset": 1e-6,
        },
    }

    dct: Tensor  # (n_mels, n_mfcc)

    def __init__(self, *, n_mfcc: int, **mel: Any) -> None:
        super().__init__({"n_mfcc": n_mfcc, **mel})
        from audionas.features._torchaudio import (
            torchaudio,  # when a front-end is built, not when one is named
        )

        self.n_mfcc = n_mfcc
        self.mel = LogMel(**mel)
        self.hop, self.tail = self.mel.hop, self.mel.tail
        basis = torchaudio.functional.create_dct(n_mfcc, mel["n_mels"], "ortho")  # (n_mels, n_mfcc)
        self.register_buffer("dct", basis.contiguous(), persistent=False)

    def shape(self, samples: int) -> tuple[int, int]:
        """(n_mfcc, frames) for a waveform of `samples`."""
        return self.n_mfcc, self.mel.shape(samples)[1]

    def forward(self, wave: Tensor) -> Tensor:
        """Turn waveforms (B, N) into coefficients (B, 1, n_mfcc, T)."""
        self.mel.shape(wave.shape[-1])
        return self._coefficients(self.mel.bands(wave, center=self.mel.center))

    def frames(self, sound: Tensor) -> Tensor:
        """Turn (B, tail + n * hop) into (B, 1, n_mfcc, n)."""
        return self._coefficients(self.mel.inside(sound))

    def _coefficients(self, bands: Tensor) -> Tensor:
        return torch.matmul(bands, self.dct).transpose(1, 2).unsqueeze(1)
