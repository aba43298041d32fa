"""A wake word for ESPHome's micro_wake_word: an int8 file that keeps its own state, and its manifest."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from audionas.core import records
from audionas.core.errors import UserError
from audionas.core.files import read_json, write_json
from audionas.core.records.run import ManifestRecord
from audionas.core.reporter import amount
from audionas.cost.arena import CHIPS, arena, grouped, versions
from audionas.export.lite.file import pack
from audionas.export.lite.graph import Graph, Node, Value
from audionas.export.lite.int8 import Quant, endless, quantized
from audionas.export.lite.read import program
from audionas.export.lite.share import share
from audionas.export.lite_listener import LiteStream
from audionas.export.litert import graph_of, write
from audionas.features.micro import SCALE, device_int8
from audionas.models.bundle import ModelBundle

# Operators and space that ESPHome's component reserves; a file with any other operator fails to load.
OPERATORS = frozenset(
    (
        *("CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"),
        *("RESHAPE", "STRIDED_SLICE", "CONCATENATION", "PAD", "PACK", "SPLIT_V"),
        *("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "AVERAGE_POOL_2D", "MAX_POOL_2D"),
        *("ADD", "MUL", "MEAN", "LOGISTIC", "QUANTIZE"),
    )
)
VARIABLES = 20
INPUT = Quant((float(np.float32(26 / 255)),), -128)  # the features' 0 to 26
OUTPUT = Quant((1 / 256,), 0, "uint8")
CUTOFF, WINDOW = 0.5, 5  # defaults where nothing was tuned
_STEP_MS = 10
_OLDEST = "2024.7.0"  # the oldest ESPHome that reads manifests of version 2


def export(
    bundle: ModelBundle,
    out: Path,
    *,
    calibrate: np.ndarray,
    cutoff: float | None = None,
    window: int | None = None,
    wake_word: str | None = None,
    author: str | None = None,
    website: str | None = None,
    languages: Sequence[str] | None = None,
) -> None:
    """Write `out` (.tflite) and, beside it under the same name, its manifest (.json, `manifest`).

    Input int8 [1, hop, 40], output uint8 [1, 1]: the keyword's softmax probability. `calibrate` gives
    features (clips, 40, T). Raises UserError listing everything in the bundle that ESPHome cannot run.
    """
    graph = fitting(bundle)
    _ends_in_uint8(graph)
    int8 = quantized(graph, calibrate, {graph.frames: INPUT, graph.scores: OUTPUT})
    write(pack(graph, int8, internal=True, about=f"audionas {bundle.spec.id}"), out)
    manifest(
        bundle,
        out,
        cutoff=cutoff,
        window=window,
        wake_word=wake_word,
        author=author,
        website=website,
        languages=languages,
    )


def fitting(bundle: ModelBundle) -> Graph:
    """The bundle's graph, if ESPHome can run it. Raises the UserError of `export` where it cannot."""
    keyword = keyword_of(bundle)
    graph = graph_of(bundle, "window", bundle.labels.index(keyword), squeeze="frames")
    share(graph)
    if problems := _problems(graph):
        raise UserError(problems, hint="Search with profile: esphome, which leaves only what fits.")
    return graph


def manifest(
    bundle: ModelBundle,
    file: Path,
    *,
    cutoff: float | None = None,
    window: int | None = None,
    wake_word: str | None = None,
    author: str | None = None,
    website: str | None = None,
    languages: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Write the manifest, version 2, beside a file of `export`. Its arena is the greatest of `memory`.

    Values that are not given come from tuning in the bundle (the cutoff, and the window in scores), else from
    the existing manifest, else from the defaults. The device compares scores in steps of 1/256 with the
    cutoff in steps of 1/255: a threshold there differs from one here by less than two steps.

    Raises UserError for a cutoff outside (0, 1), or a window that is not 1 to 255 scores.
    """
    beside = file.with_suffix(".json")
    before = records.plain(ManifestRecord, beside) if beside.exists() else {}
    keyword = keyword_of(bundle)
    tuned = bundle.note.get("detect", {}).get(file.name, {})
    word, micro = tuned.get("words", {}).get(keyword, {}), before.get("micro", {})
    cutoff = _first(cutoff, word.get("threshold"), micro.get("probability_cutoff"), CUTOFF)
    window = _first(window, tuned.get("smooth"), micro.get("sliding_window_size"), WINDOW)
    if not 0 < cutoff < 1 or not 0 < window < 256:
        raise UserError(
            f"a cutoff of {cutoff} over {amount(window, 'score')}",
            hint="Give 0 < cutoff < 1 and 1 to 255 scores.",
        )
    found = {
        "type": "micro",
        "wake_word": _first(wake_word, before.get("wake_word"), keyword.replace("_", " ")),
        "author": _first(author, before.get("author"), "audionas"),
        "website": _first(website, before.get("website"), ""),
        "model": file.name,
        "trained_languages": list(_first(languages, before.get("trained_languages"), ())),
        "version": 2,
        "micro": {
            "probability_cutoff": cutoff,
            "feature_step_size": _STEP_MS,
            "sliding_window_size": window,
            "tensor_arena_size": max(memory(file).values()),
            "minimum_esphome_version": _OLDEST,
        },
    }
    write_json(beside, {key: value for key, value in found.items() if value != ""})
    return found


def memory(file: Path) -> dict[str, int]:
    """The bytes of working memory to give to a file, by chip, for `cost.arena.versions`."""
    operators = program(file)
    return {chip: arena(operators, chip) for chip in CHIPS}


def memory_line(name: str, known: dict[str, int]) -> str:
    """`memory` of file `name` in words."""
    parts = " and ".join(f"{size:,} bytes on an {chip.upper()}" for chip, size in known.items())
    return f"{name}: arena of {parts} ({versions()}); the manifest has the larger"


def described(file: Path) -> bool:
    """True where a manifest lies beside a file; a JSON file of another kind is somebody else's."""
    beside = file.with_suffix(".json")
    found = read_json(beside) if file.suffix == ".tflite" and beside.is_file() else None
    return isinstance(found, dict) and found.get("type") == "micro"


def keyword_of(bundle: ModelBundle) -> str:
    """The one label that a manifest names. Raises UserError where ESPHome cannot run the bundle."""
    keywords = [label for label in bundle.labels if not label.startswith("_")]
    problems = []
    if bundle.features is None or bundle.features.name != "micro":
        problems.append("ESPHome computes its own features, and the model was trained on others")
    if len(bundle.labels) != 2 or len(keywords) != 1:
        problems.append(
            f"ESPHome hears one keyword against the rest, the model has the labels {' '.join(bundle.labels)}"
        )
    if problems:
        raise UserError(
            problems,
            hint="Train with features: {name: micro, preset: settled} on two labels: the word, and one that "
            "begins with _.",
        )
    return keywords[0]


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)


def _problems(graph: Graph) -> list[str]:
    """Everything in a graph that ESPHome cannot run."""
    found = [
        f"operator {node.op} ({node.output}) is not one of ESPHome's {len(OPERATORS)}"
        for node in graph.nodes
        if node.op not in OPERATORS
    ]
    for node in graph.nodes:
        if node.op == "CONV_2D":
            given, weight = (graph.values[name].shape for name in node.inputs[:2])
            found += [f"{node.output}: {why}" for why in grouped(given, weight)]
    found += [f"{name} is a mean that adds to itself, which does not fit int8" for name in endless(graph)]
    if len(graph.states) > VARIABLES:
        found.append(f"{len(graph.states)} states, but ESPHome has room for {VARIABLES}")
    hop = graph.values[graph.frames].shape[1]
    if hop > 255:
        found.append(f"{hop} frames from one score to the next, but ESPHome takes at most 255")
    return found


def _ends_in_uint8(graph: Graph) -> None:
    made = Value("scores/uint8", graph.values[graph.scores].shape)
    graph.values[made.name] = made
    graph.nodes.append(Node("QUANTIZE", [graph.scores], made.name, {}))
    graph.scores = made.name


class EspHome(LiteStream):
    """A file of `export` as a device runs it: the device's own map takes the front-end's integers to int8,
    and the file runs in LiteRT's reference kernels, the same as those of TFLite-Micro.

    The scores are taken before ESPHome's sliding window.
    """

    def __init__(self, file: Path, bundle: ModelBundle) -> None:
        self.column = bundle.labels.index(keyword_of(bundle))
        super().__init__(file, bundle)

    def scores(self, frames: np.ndarray) -> np.ndarray:
        """Map features (40, hop) to probabilities (2,)."""
        whole = device_int8(np.round(frames / SCALE))
        score = float(self.lite.step(INPUT.real(whole))[0])
        found = np.full(2, 1 - score, np.float32)
        found[self.column] = score
        return found
