"""Log-mel spectrograms: the front-end of BC-ResNet and of scene classification."""

import warnings
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from audionas.core.errors import UserError
from audionas.features._frontend import FrontEnd, Settings, samples_of


class LogMel(FrontEnd):
    """log(mel(|STFT|^power) + log_offset) in natural logarithms.

    Hann window (periodic); triangular filters on the HTK mel scale, linear in hertz, peak 1 (librosa's
    `htk=True, norm=None`). With `center`, frame t is centred on sample t * hop and the ends are mirrored;
    without, frame t covers the samples t * hop .. t * hop + window, whatever n_fft is.

    Presets. `bc_resnet`: Kim et al. 2021 (arXiv 2106.04140) as in its code, 101 frames per second.
    `dcase`: bands, framing and limits of the DCASE 2018 task 5 baseline, 501 frames for 10 s; window,
    power spectrum and offset are ours. `dcase2024`: the baseline of DCASE 2024 task 1 as in its code, 65
    frames for 1 s.
    """

    PRESETS: ClassVar[Mapping[str, Settings]] = {
        "bc_resnet": {
            "sample_rate": 16000,
            "window_ms": 30.0,
            "hop_ms": 10.0,
            "n_fft": 512,
            "n_mels": 40,
            "f_min": 0.0,
            "f_max": 8000.0,
            "center": True,
            "power": 2.0,
            "log_offset": 1e-6,
        },
        "dcase": {
            "sample_rate": 16000,
            "window_ms": 40.0,
            "hop_ms": 20.0,
            "n_fft": 1024,
            "n_mels": 40,
            "f_min": 50.0,
            "f_max": 8000.0,
            "center": True,
            "power": 2.0,
            "log_offset": 1e-6,
        },
        "dcase2024": {
            "sample_rate": 32000,
            "window_ms": 96.0,  # 3072 samples
            "hop_ms": 15.625,  # 500 samples
            "n_fft": 4096,
            "n_mels": 256,
            "f_min": 0.0,
            "f_max": 16000.0,
            "center": True,
            "power": 2.0,
            "log_offset": 1e-5,
        },
    }

    hann: Tensor  # (window,)
    filters: Tensor  # (n_fft / 2 + 1, n_mels)

    def __init__(
        self,
        *,
        sample_rate: int,
        window_ms: float,
        hop_ms: float,
        n_fft: int,
        n_mels: int,
        f_min: float,
        f_max: float,
        center: bool,
        power: float,
        log_offset: float,
    ) -> None:
        super().__init__(
            {
                "sample_rate": sample_rate,
                "window_ms": window_ms,
                "hop_ms": hop_ms,
                "n_fft": n_fft,
                "n_mels": n_mels,
                "f_min": f_min,
                "f_max": f_max,
                "center": center,
                "power": power,
                "log_offset": log_offset,
            }
        )
        self.window = samples_of(window_ms, sample_rate)
        self.hop = samples_of(hop_ms, sample_rate)
        self.n_fft, self.center, self.power, self.log_offset = n_fft, center, power, log_offset
        self.register_buffer("hann", torch.hann_window(self.window), persistent=False)
        self.register_buffer(
            "filters", mel_filters(n_fft, n_mels, f_min, f_max, sample_rate), persistent=False
        )
        # torch.stft centres a short window within n_fft samples: the signal is padded with as many zeros
        before = (n_fft - self.window) // 2
        self.edges = nn.ConstantPad1d((before, n_fft - self.window - before), 0.0)
        # In a stream, frames begin where those of a clip do, modulo a hop
        self.tail = max(1, self.window - self.hop)
        self.tail += ((n_fft // 2 - before if center else 0) - self.tail) % self.hop

    def shape(self, samples: int) -> tuple[int, int]:
        """(n_mels, frames) for a waveform of `samples`."""
        least = self.n_fft // 2 + 1 if self.center else self.window  # mirroring needs one sample more
        if samples < least:
            raise UserError(
                f"a waveform of {samples} samples is too short: one frame needs {least} "
                f"({1000 * least / self.sample_rate:.1f} ms at {self.sample_rate} Hz)",
                hint="Use longer clips, or set a shorter window_ms and n_fft under features.",
            )
        padded = samples + 2 * (self.n_fft // 2) - self.n_fft if self.center else samples - self.window
        return int(self.settings["n_mels"]), 1 + padded // self.hop

    def forward(self, wave: Tensor) -> Tensor:
        """Turn waveforms (B, N) into log-mel energies (B, 1, n_mels, T)."""
        self.shape(wave.shape[-1])
        return self.bands(wave, center=self.center).transpose(1, 2).unsqueeze(1)

    def frames(self, sound: Tensor) -> Tensor:
        """Turn (B, tail + n * hop) into (B, 1, n_mels, n)."""
        return self.inside(sound).transpose(1, 2).unsqueeze(1)

    def inside(self, sound: Tensor) -> Tensor:
        """The same as `frames`, as (B, n, n_mels)."""
        used = sound.shape[1] - (self.tail + self.hop - self.window)
        return self.bands(sound[:, :used], center=False)

    def bands(self, wave: Tensor, *, center: bool) -> Tensor:
        """Turn waveforms (B, N) into log-mel energies (B, T, n_mels); without `center`, frames are inside."""
        wave = wave if center else self.edges(wave)
        # Of stft, rfft over frames, a matrix of sines and a convolution, stft is the fastest here (9, 14, 33
        # and 27 ms for 100 one-second clips on two CPU cores), and it exports to ONNX's own STFT.
        bins = torch.stft(
            wave, self.n_fft, self.hop, self.window, self.hann, center=center, return_complex=True
        )
        spectrum = bins.real**2 + bins.imag**2  # (B, n_fft / 2 + 1, T)
        if self.power != 2:
            spectrum = spectrum ** (self.power / 2)
        return torch.log(spectrum.transpose(1, 2) @ self.filters + self.log_offset)


def mel_filters(n_fft: int, n_mels: int, f_min: float, f_max: float, rate: int) -> Tensor:
    """Triangular filters (n_fft / 2 + 1, n_mels); raises UserError where a band would hold no bin."""
    from audionas.features._torchaudio import torchaudio  # when a front-end is built, not when one is named

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about empty bands; here they are an error
        filters: Tensor = torchaudio.functional.melscale_fbanks(n_fft // 2 + 1, f_min, f_max, n_mels, rate)
    empty = (filters.amax(dim=0) == 0).nonzero().flatten().tolist()
    if empty:
        raise UserError(
            f"features: {len(empty)} of {n_mels} mel bands hold no frequency bin "
            f"(n_fft {n_fft} at {rate} Hz, {f_min:g}-{f_max:g} Hz)",
            hint="Set a smaller n_mels or a larger n_fft.",
        )
    return filters
