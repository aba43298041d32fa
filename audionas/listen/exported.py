"""The exported file that detect, tune and mine listen with, and its tuned thresholds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from audionas.core import records
from audionas.core.errors import Faults, UserError, did_you_mean
from audionas.core.files import sha256, write_json
from audionas.core.hostile import command
from audionas.core.records.bundle import BundleRecord
from audionas.core.reporter import Reporter
from audionas.data.labels import is_background
from audionas.export.esphome import described
from audionas.export.listeners import open_file
from audionas.models.bundle import ModelBundle
from audionas.models.listener import Kind, Listener, Rule
from audionas.models.names import own

NAMES = ("model.stream.onnx", "model.onnx", "model.int8.onnx", "model.int8.tflite", "model.tflite")
UNTUNED = 0.5  # the threshold without tuning


class Exported(NamedTuple):
    """An exported file of a run folder, and the bundle that it was made from."""

    folder: Path
    bundle: ModelBundle
    file: Path

    @property
    def keywords(self) -> tuple[str, ...]:
        """The labels that do not begin with `_`."""
        return tuple(label for label in self.bundle.labels if not is_background(label))

    @property
    def others(self) -> tuple[str, ...]:
        """The labels that begin with `_`: sounds other than keywords."""
        return tuple(filter(is_background, self.bundle.labels))

    @property
    def plateau(self) -> float:
        """Seconds for which one word may hold averaged scores up: it crosses the window of a clip, and an
        average over 5 hops of 0.1 s at most trails behind."""
        return self.bundle.samples / self.bundle.sample_rate + 0.5

    @property
    def of_device(self) -> bool:
        """True for a file with a manifest, which ESPHome runs."""
        return described(self.file)

    def listen(self) -> Listener:
        """The file in its own runtime, from silence."""
        return open_file(self.file, self.bundle)


def find(folder: Path, file: Path | None = None) -> Exported:
    """The file of this name in `folder`/export, or at this path; by default the first of NAMES that exists.

    Raises UserError where there is none, for an image model, and for one without a keyword.
    """
    folder = own(folder)
    bundle = trained(folder)
    if bundle.deaf:
        Reporter().note(f"{folder}: {bundle.deaf}")
    there = folder / "export"
    if file is None:
        known = [there / name for name in NAMES] + sorted(there.glob("*.tflite"))
        file = next((path for path in known if path.is_file()), None)
    elif not file.is_file():
        file = there / file
    if file is None or not file.is_file():
        raise UserError(
            f"{file or there}: {'no such file' if file else 'no exported file'}",
            hint=command("audionas", "export", folder, "--target", "onnx-stream"),
        )
    return Exported(folder, bundle, file)


def trained(folder: Path) -> ModelBundle:
    """The model of a run folder. Raises UserError unless it is a sound model with a keyword label."""
    bundle = ModelBundle.load(_model(folder))
    if bundle.features is None:
        raise UserError(f"{folder}: an image model cannot listen")
    if all(map(is_background, bundle.labels)):
        raise UserError(
            f"{folder}: none of its labels is a keyword: {' '.join(bundle.labels)}",
            hint="Labels that begin with _ are not keywords; rename the keywords in the data.",
        )
    return bundle


def resolve(
    found: Exported,
    threshold: Sequence[str],
    *,
    smooth: int | None = None,
    refractory: float | None = None,
    patience: str | None = None,
    kind: Kind | None = None,
) -> tuple[dict[str, float], Rule, bool]:
    """Thresholds and rule, given or else tuned, and whether the file has changed since tuning.

    `threshold` is a number for all keywords, or `keyword=number` each, and then no other keyword is looked
    for. Without one the tuned thresholds apply, which hold only for the tuned rule. Raises UserError where
    there are neither, for values out of range, and for a device's rule with a file that is for no device.
    """
    tuned, faults = found.bundle.note.get("detect", {}).get(found.file.name), Faults()
    with faults:
        rule = rule_of(
            found.plateau, tuned, smooth=smooth, refractory=refractory, patience=patience, kind=kind
        )
        require_fit(found, rule)
    with faults:
        given = _given(threshold, found.keywords)
    faults.tell()
    if given:
        return given, rule, False
    if tuned is None:
        raise UserError(
            f"{found.file.name}: no threshold is known for {', '.join(found.keywords)}",
            hint=f"Tune one on long audio: {command('audionas', 'tune', found.folder)} "
            "--positives DIR --negatives DIR; "
            "or give one: --threshold 0.9",
        )
    if rule != rule_of(found.plateau, tuned):
        raise UserError(
            f"{found.file.name}: its thresholds were tuned with: {rule_of(found.plateau, tuned).words()}",
            hint="Tune again with the new settings, or give a --threshold for them.",
        )
    words = {keyword: float(word["threshold"]) for keyword, word in tuned["words"].items()}
    return words, rule, tuned.get("sha256") != sha256(found.file)


def chosen(
    folder: Path,
    file: Path | None,
    threshold: Sequence[str],
    *,
    smooth: int | None = None,
    refractory: float | None = None,
    patience: str | None = None,
    kind: Kind | None = None,
) -> tuple[Exported, dict[str, float], Rule, bool]:
    """The exported file as `find` finds it, with what `resolve` says. Raises UserError with all faults."""
    faults = Faults()
    with faults:
        found = find(folder, file)
    if faults:  # the rule can be wrong without a file, too
        with faults:
            rule_of(0.0, smooth=smooth, refractory=refractory, patience=patience, kind=kind)
    faults.tell()
    said = resolve(found, threshold, smooth=smooth, refractory=refractory, patience=patience, kind=kind)
    return found, *said


def rule_of(
    plateau: float,
    tuned: Mapping[str, Any] | None = None,
    *,
    smooth: int | None = None,
    refractory: float | None = None,
    patience: str | None = None,
    kind: Kind | None = None,
) -> Rule:
    """The tuned rule, or the default one, with the given parts replaced; by default one word fires once: the
    refractory time is its `plateau`. Raises UserError for parts that a device's rule does not have."""
    rule = Rule(refractory=plateau)
    if tuned is not None:
        need, of = tuned["patience"]
        known = tuned.get("kind", "plain")
        rule = Rule(int(tuned["smooth"]), float(tuned["refractory_s"]), (int(need), int(of)), known)
    kind = kind or rule.kind
    if kind == "esphome" and not (refractory is None and patience is None):
        raise UserError(
            "--rule esphome: a device has a cool-down of its own, and neither --refractory nor --patience",
            hint="Leave them out; --smooth becomes its sliding_window_size.",
        )
    if kind == "mlperf":
        if not (smooth is None and refractory is None and patience is None):
            raise UserError(
                "--rule mlperf: takes each score as it is, so no --smooth, --refractory, --patience"
            )
        return Rule(1, 0.0, kind=kind)
    return Rule(
        rule.smooth if smooth is None else smooth,
        rule.refractory if refractory is None else refractory,
        rule.patience if patience is None else _patience(patience),
        kind,
    )


def require_fit(found: Exported, rule: Rule) -> None:
    """Raise UserError for a device's rule with a file that no device runs."""
    if rule.kind == "esphome" and not found.of_device:
        raise UserError(
            f"--rule esphome: {found.file.name} has no manifest beside it, so ESPHome does not run it",
            hint=command("audionas", "export", found.folder, "--target", "esphome"),
        )


def keep(found: Exported, note: Mapping[str, Any]) -> None:
    """Write the tuned values into the bundle, under the file's name; the rest of the bundle stays."""
    file = _model(found.folder) / "bundle.json"
    plain = records.plain(BundleRecord, file)
    plain["note"].setdefault("detect", {})[found.file.name] = {**note, "sha256": sha256(found.file)}
    write_json(file, plain)


def forget(found: Exported) -> None:
    """Remove a file's tuned values from the bundle, if there are any."""
    file = _model(found.folder) / "bundle.json"
    plain = records.plain(BundleRecord, file)
    if plain["note"].get("detect", {}).pop(found.file.name, None) is not None:
        write_json(file, plain)


def _model(folder: Path) -> Path:
    return folder if (folder / "bundle.json").exists() else folder / "model"


def _patience(text: str) -> tuple[int, int]:
    need, slash, of = text.partition("/")
    if not slash or not need.isdecimal() or not of.isdecimal():
        raise UserError(f"--patience {text}: expected N/M, such as 3/5: 3 of the last 5 hops")
    return int(need), int(of)


def _given(threshold: Sequence[str], keywords: Sequence[str]) -> dict[str, float]:
    """Parse `0.9`, or `word=0.9` for some keywords. Reports all errors at once."""
    found: dict[str, float] = {}
    problems = []
    for text in threshold:
        word, equals, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = float("nan")
        if not 0 < value <= 1:
            problems.append(f"--threshold {text}: expected a number above 0 and at most 1, or KEYWORD=NUMBER")
        elif equals and word not in keywords:
            problems.append(f"--threshold {text}: '{word}' is not a keyword.{did_you_mean(word, keywords)}")
        else:
            found |= {word: value} if equals else {k: value for k in keywords if k not in found}
    if problems:
        raise UserError(problems, hint=f"Keywords: {' '.join(keywords)}")
    return found


class Tuned(NamedTuple):
    """The rule by which a file's scores become events; `origin` says in words where thresholds come from.

    `known` is true where somebody chose them: they were given, or are those of `audionas tune`.
    """

    thresholds: dict[str, float]  # by keyword
    rule: Rule
    origin: str
    known: bool


def tuned(
    found: Exported,
    threshold: Sequence[str] = (),
    *,
    smooth: int | None = None,
    refractory: float | None = None,
    patience: str | None = None,
) -> Tuned:
    """The given values, else those of `audionas tune` for this file, else `UNTUNED` for every keyword.

    Raises UserError as `resolve` does for values out of range.
    """
    known = found.file.name in found.bundle.note.get("detect", {})
    origin = "as given" if threshold else "audionas tune" if known else f"not tuned, so {UNTUNED}"
    words = threshold or (() if known else (str(UNTUNED),))
    thresholds, rule, stale = resolve(found, words, smooth=smooth, refractory=refractory, patience=patience)
    origin = f"{origin}, but the file has changed since" if stale else origin
    return Tuned(thresholds, rule, origin, known or bool(threshold))
