"""The files of a run folder that are ours: by its list, or by the records of an earlier version."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from audionas.core import made, records
from audionas.core.errors import UserError
from audionas.core.files import read_text
from audionas.core.records import Record

_ELSEWHERE = "Move it away, or work in another run folder."
BUNDLE = ("model/weights.safetensors", "model/bundle.json", "model/trained_on.json")
LAST = ("last/weights.safetensors", "last/bundle.json")
BESIDE = ("export/labels.txt", "export/golden.npz", "export/model_card.md", "export/report.json")
COMPARED = ("budget.json", "compare.jsonl", "compare.csv", "compare.md", "compare.html", "steps.json")
RANKED = ("rank/scores.json", "rank/rank.json", "rank/rank.csv", "rank/rank.md", "rank/rank.html")
TUNED = tuple(f"export/int8/{name}" for name in ("metrics.jsonl", "weights.safetensors", "bundle.json"))
_PHASES = {  # what a phase writes outside its own folder
    "search": ("arch.json", "error.log"),
    "select": ("arch.json", "front.json", "front.csv"),
    "train": ("arch.json", "error.log", *BUNDLE),
    "latency": ("latency.json", "latency.html"),
}
_FIGURES = {"accuracy", "n", "arch"}  # in an evaluation of any version
_PAGE = " · audionas</title>"  # in every page that we write


def require_free(folder: Path, names: Iterable[str]) -> None:
    """Raise UserError with the files in a run folder that are not ours to replace: before any work."""
    made.require_free(folder, names, earlier=partial(earlier, folder), hint=_ELSEWHERE)


def enter(folder: Path, names: Iterable[str], *, hint: str = "") -> None:
    """Enter files in a run folder's list before they are written. Raises UserError as `require_free`."""
    made.claim(folder, names, earlier=partial(earlier, folder), hint=hint or _ELSEWHERE)


def earlier(folder: Path) -> set[str]:
    """The files that versions without a list made in a run folder, by the records that they left."""
    found: set[str] = _exported(folder) | _evaluated(folder) | _studied(folder)
    for phase, names in _PHASES.items():
        if any((folder / phase / name).is_file() for name in ("run.json", "env.json")):
            found.update(names)
    if {"positives", "files"} <= _plain(folder / "tune" / "tune.json").keys():
        found |= {"tune/tune.json", "tune/det.png"}
    if "keywords" in _plain(folder / "web" / "model.json"):
        found.update(f"web/{file.relative_to(folder / 'web')}" for file in (folder / "web").rglob("*"))
    if _is_page(folder / "report.html"):
        found.add("report.html")
    return found


def _exported(folder: Path) -> set[str]:
    """The files that the report of exports names, and those beside them."""
    report = _plain(folder / "export" / "report.json")
    if report.keys().isdisjoint(("files", "max_difference")):
        return set()
    files = report.get("files")
    names = [f"export/{name}" for name in files] if isinstance(files, dict) else ["export/model.onnx"]
    manifests = [f"{name.removesuffix('.tflite')}.json" for name in names if name.endswith(".tflite")]
    return {*names, *manifests, *TUNED, *BESIDE, "export/.draft"}


def _evaluated(folder: Path) -> set[str]:
    files = (folder / "eval").glob("*.json")
    found = {f"eval/{file.name}" for file in files if _plain(file).keys() >= _FIGURES}
    return found | (
        {"eval.json", "scores.json"} if _plain(folder / "eval.json").keys() >= _FIGURES else set()
    )


def _studied(folder: Path) -> set[str]:
    """The files of a comparison and of a ranking study."""
    found: set[str] = set()
    if next(folder.glob("*/*/search/env.json"), None) is not None:
        found.update(COMPARED)
        found |= {str(file.relative_to(folder)) for file in folder.glob("*/step_error.log")}
    if (folder / "search" / "env.json").is_file() or next(folder.glob("seed_*/search/env.json"), None):
        found.update(RANKED)
    return found


def _plain(file: Path) -> dict[str, object]:
    try:
        return records.plain(Record, file)
    except UserError:
        return {}


def _is_page(file: Path) -> bool:
    try:
        return _PAGE in read_text(file)
    except UserError:
        return False
