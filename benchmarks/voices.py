"""A measurement of what helps a network to hear a voice that is not among its few training voices.

    python benchmarks/voices.py --src "$DATA"/fsdd.tar --held nicolas theo --augment wide --epochs 24
    python benchmarks/voices.py --src "$DATA"/fsdd.tar --held nicolas --augment wide --net 1 --epochs 16

It trains on the other four voices and tests on all clips of the one left out. To be quick on one core,
features of ten augmented versions of each clip are computed once (`--cache`), and each epoch draws one of
them. Front-end, augmentation, networks and SpecAugment are audionas' own; the settings are those of `make`.
"""

import argparse
import math
import tarfile
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
import torch
from scipy.signal import resample_poly
from torch import nn
from torch.nn import functional

from audionas.core.arch import InputSpec
from audionas.data.augment import WaveAugment
from audionas.data.conf import Augment
from audionas.features import Features, SpecAugment, build, freq_mix_style, spec_augment
from audionas.models import names
from audionas.models.bundle import ModelBundle
from audionas.spaces._base import space_of
from audionas.spaces.tc_resnet import TcResnet

SPEAKERS = ("george", "jackson", "nicolas", "theo", "yweweler")
_NEAR = {"shift_ms": 100, "speed": (0.8, 1.25), "gain_db": (-6, 6)}
_LOUD = {**_NEAR, "gain_db": (-20, 10)}
_WIDE = {
    "equaliser_db": 12.0,
    "equaliser_probability": 0.8,
    "colour_snr_db": (5, 50),
    "colour_probability": 0.8,
}
_WIDER = {"speed": (0.7, 1.4), "colour_snr_db": (0, 40), "colour_probability": 0.9}
AUGMENT = {
    "none": {},
    "near": _NEAR,
    "loud": _LOUD,
    "mild": {**_LOUD, **_WIDE, "equaliser_db": 6.0, "colour_snr_db": (20, 60)},
    "wide": {**_LOUD, **_WIDE},
    "wider": {**_LOUD, **_WIDE, **_WIDER},
}
VERSIONS, BATCH, RATE = 10, 64, 16_000


def main() -> None:
    """Train once per voice that is left out; print a line for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--src", type=Path, required=True, help="the archive fsdd.tar")
    parser.add_argument("--held", nargs="+", default=["nicolas", "theo"], choices=SPEAKERS)
    parser.add_argument("--augment", default="wide", choices=AUGMENT)
    parser.add_argument("--net", type=float, default=0, help="a width of TC-ResNet8; 0: kws12, its weights")
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--mix", type=float, default=0.5, help="the probability of Freq-MixStyle")
    parser.add_argument("--level", action="store_true", help="take the mean of each clip away from features")
    parser.add_argument("--cache", type=Path, default=Path("exp/voices"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    waves, words, voices = clips(options.src)
    clean = features(waves, "none", options.cache)[0].astype(np.float32)
    versions = features(waves, options.augment, options.cache)
    for held in options.held:
        test = voices == SPEAKERS.index(held)
        right = trained(clean, versions, words, test, options)
        print(f"{held}: {right:.1%} of {test.sum()} clips", flush=True)


def clips(archive: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Waves (n, RATE), words (n,) and voices (n,) of all recordings."""
    waves, words, voices = [], [], []
    with TemporaryDirectory() as folder:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        files = [(*file.stem.split("_", 1), file) for file in Path(folder).rglob("*.flac")]
        for word, rest, file in sorted(files, key=lambda row: (row[0], f"{row[1]}.flac")):
            wave = resample_poly(soundfile.read(file, dtype="float32")[0], 2, 1)[:RATE]
            waves.append(np.pad(wave, (0, RATE - len(wave))).astype(np.float16))
            words.append(int(word))
            voices.append(SPEAKERS.index(rest.split("_")[0]))
    return np.stack(waves).astype(np.float32), np.array(words), np.array(voices)


def features(waves: np.ndarray, name: str, cache: Path) -> np.ndarray:
    """The features (versions, n, 1, F, T) of each clip under an augmentation."""
    file = cache / f"{name}.npy"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        front = build(Features(name="mfcc", preset="tc_resnet"))
        augment = WaveAugment(Augment(**AUGMENT[name]), RATE, 0)
        found = []
        for version in range(VERSIONS if AUGMENT[name] else 1):
            changed = (augment(w, epoch=version, id=str(i), label="x") for i, w in enumerate(waves))
            rows = torch.from_numpy(np.stack(list(changed))).split(100)
            found.append(torch.cat([front(each).half() for each in rows]).numpy())
        np.save(file, np.stack(found))
    return np.load(file, mmap_mode="r")


def trained(
    clean: np.ndarray, versions: np.ndarray, words: np.ndarray, test: np.ndarray, options: argparse.Namespace
) -> float:
    """The accuracy on the clips `test` after a training on the others."""
    torch.manual_seed(0)
    rng, rows = np.random.default_rng(0), np.flatnonzero(~test)
    net = network(options.net, InputSpec(1, *clean.shape[2:], 10))
    mean, std = (
        torch.from_numpy(np.asarray(part)).reshape(1, 1, -1, 1)
        for part in (clean[rows].mean((0, 1, 3)), clean[rows].std((0, 1, 3)))
    )
    if not options.net:
        model = ModelBundle.load(names.find("kws12"))
        own = net.state_dict()
        own |= {k: v for k, v in model.weights.items() if k in own and own[k].shape == v.shape}
        net.load_state_dict(own)
        mean, std = model.mean.reshape(1, 1, -1, 1), model.std.reshape(1, 1, -1, 1)

    def normal(x: np.ndarray) -> torch.Tensor:
        found = (torch.from_numpy(x) - mean) / std
        return found - found.mean(3, keepdim=True) if options.level else found

    masks = SpecAugment(freq_masks=1, freq_width=6, time_masks=1, time_width=12, mix_style=options.mix)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
    targets, steps, done = torch.from_numpy(words), len(rows) // BATCH, 0
    for _ in range(options.epochs):
        order = rng.permutation(rows)
        drawn = rng.integers(len(versions), size=len(order))
        net.train()
        for at in range(0, steps * BATCH, BATCH):
            batch = order[at : at + BATCH]
            x = normal(versions[drawn[at : at + BATCH], batch].astype(np.float32))
            x = freq_mix_style(spec_augment(x, masks), masks.mix_style, masks.mix_alpha)
            part = done / (options.epochs * steps)
            rate = done / steps if done < steps else (1 + math.cos(math.pi * part)) / 2
            for group in optimizer.param_groups:
                group["lr"] = 0.05 * rate
            loss = functional.cross_entropy(net(x), targets[batch], label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimizer.step()
            done += 1
    net.eval()
    with torch.inference_mode():
        answers = net(normal(clean[test])).argmax(1)
    return float((answers == targets[test]).float().mean())


def network(width: float, io: InputSpec) -> nn.Module:
    """The shipped network, or TC-ResNet8 of a width."""
    spec = TcResnet(width=width, causal=False).spec({}, io) if width else replace(names.arch("kws12"), io=io)
    return space_of(spec).build(spec)


if __name__ == "__main__":
    main()
