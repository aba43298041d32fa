"""`audionas show`: a run's network and its quality, as text, JSON and `report.html`."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from audionas.core import records
from audionas.core.arch import ArchSpec
from audionas.core.errors import Faults, UserError, did_you_mean
from audionas.core.files import read_json
from audionas.core.hostile import command, setting
from audionas.core.intervals import Interval
from audionas.core.records.run import AnswersRecord, ExportedRecord
from audionas.core.reporter import Reporter, amount, say
from audionas.core.rng import numpy_rng
from audionas.cost import streams
from audionas.cost.graph import measure, unfolded
from audionas.data import audio, heard, kaldi
from audionas.data.kaldi import Item
from audionas.data.sound import clip
from audionas.engine.metrics import whose
from audionas.models.model import load
from audionas.report.clips.sound import wav
from audionas.report.live.watch import watch
from audionas.report.run import Example, evaluation, probabilities
from audionas.report.run import write as write_report
from audionas.searchers import _fronts
from audionas.searchers._base import DEAR, PROXIES
from audionas.searchers._fronts import Front
from audionas.spaces._base import space_of
from audionas.zoo.find import read as read_arch
from audionas.zoo.find import told

_EXAMPLES = 6
_BAR = 20  # characters of a full bar


def gather(folder: Path, limits: Sequence[str] = (), *, sound: bool = True) -> dict[str, Any]:
    """A summary of everything in the run folder; also writes `report.html`, with the `sound` of a few clips
    that the model got wrong.

    `limits` such as `macs=1e6` pick the best network of the front within them. Raises UserError where there
    is no run, no front to pick from, no such cost, or no network within the limits.
    """
    spec, front = _read(folder, limits)
    net = space_of(spec).build(spec)
    cost = measure(net, spec.io)
    history = probabilities(folder)
    found: dict[str, Any] = {
        "folder": str(folder),
        "arch": spec.id,
        "space": spec.space,
        "choices": {name: list(options) for name, options in spec.choices.items()},
        "network": told(spec),
        "params": cost.params,
        "macs": cost.macs,
        "in_training": unfolded(net, spec.io),
        "stream": streams.of_run(folder, spec),
        "probabilities": history[-1]["probabilities"] if history else None,
        "front": front,
    }
    exported = folder / "export" / "report.json"
    found["evaluation"] = evaluation(folder)
    found["export"] = records.plain(ExportedRecord, exported) if exported.exists() else None
    found["report"] = str(write_report(folder, _examples(folder, sound=sound)))
    return found


def _read(folder: Path, limits: Sequence[str]) -> tuple[ArchSpec, dict[str, Any] | None]:
    """The architecture of a run, and its front, if any. Raises one UserError for the run and the limits."""
    faults, spec, front = Faults(), None, None
    arch, fronts = folder / "arch.json", folder / "front.json"
    if arch.exists():
        with faults:
            spec = read_arch(arch)
    else:
        with faults:
            raise UserError(
                f"{folder}: no architecture here", hint="Give the folder of a run, such as exp/mini."
            )
    with faults:
        if fronts.exists():
            front = _front(fronts, limits)
        else:
            _limits(limits, None)
    if limits and arch.exists() and not fronts.exists():
        with faults:
            raise UserError(
                f"{folder}: no front here to pick from", hint="A searcher writes one: searcher: {name: nsga2}"
            )
    faults.tell()
    assert spec is not None
    return spec, front


def follow(folder: Path) -> None:
    """Keep `report.html` up to date until the run has ended. Raises UserError where there is none."""
    Reporter().note(f"writing {write_report(folder)} while the run goes on; Ctrl-C ends only this")
    watch(folder)


def _front(file: Path, words: Sequence[str]) -> dict[str, Any]:
    """A summary of `front.json`, with the network that the limits pick."""
    front = _fronts.read(file)
    limits = _limits(words, front)
    members = [
        {
            "number": n,
            "arch": m.spec.id,
            "alike": same,
            "values": dict(m.score.values),
            "network": told(m.spec),
        }
        for n, (m, same) in enumerate(zip(front.members, front.alike, strict=True), 1)
    ]
    return {
        "file": str(file),
        "objectives": dict(front.objectives),
        "limits": dict(front.limits),
        "scored": front.scored,
        "hypervolume": front.volumes[-1][1] if front.volumes else None,
        "knee": front.knee,
        "members": members,
        "picked": {"limits": limits, "number": front.best(limits)} if limits else None,
    }


def _limits(words: Sequence[str], front: Front | None) -> dict[str, float]:
    """Parse `macs=1e6` to numbers by cost; the smallest of several for one cost counts.

    Raises UserError for those that are none; which costs there are only a front tells.
    """
    values = {} if front is None else front.members[0].score.values
    costs = [name for name in values if name not in (*DEAR, *PROXIES)]
    limits: dict[str, float] = {}
    problems = []
    for word in words:
        name, _, text = word.partition("=")
        most = _number(text)
        if front is not None and name not in costs:
            known = f"; the front has {', '.join(costs)}"
            problems.append(f"--limit {word}: no cost '{name}'{known}.{did_you_mean(name, costs)}")
        elif not 0 < most < math.inf:
            problems.append(f"--limit {word}: expected a number above 0 after {name}=")
        else:
            limits[name] = min(most, limits.get(name, math.inf))
    if problems:
        raise UserError(problems, hint="For example: --limit macs=1e6")
    return limits


def _number(text: str) -> float:
    """The number in a text, or NaN."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _show_front(front: Mapping[str, Any]) -> None:
    """Print the table, and the network that the limits pick with the command to train it."""
    file = front["file"]
    Reporter(stdout=True).table(*_fronts.table(_fronts.read(Path(file))))
    share = "" if front["hypervolume"] is None else f", hypervolume {front['hypervolume']:.1%}"
    say(f"front         {len(front['members'])} of {amount(front['scored'], 'network')} scored{share}")
    say(f"knee          number {front['knee']}: {_training(file, front['knee'])}")
    if picked := front["picked"]:
        limits = ", ".join(f"{name} <= {_fronts.shown(most)}" for name, most in picked["limits"].items())
        number = picked["number"]
        say(f"picked        number {number} ({limits}): {_training(file, number)}")


def _training(file: str, number: int) -> str:
    return command("audionas", "train", "CONF", setting("arch", f"{file}#{number}"))


def show(found: dict[str, Any]) -> None:
    """Print the summary for people on standard output."""
    if found["front"]:
        _show_front(found["front"])
    for choice, options in ({} if found["front"] else found["probabilities"] or {}).items():
        say(choice)
        for option, p in options.items():
            kept = "*" if option in found["choices"][choice] else " "
            say(f"  {kept} {option:<14} {p:6.3f} {'█' * round(p * _BAR)}")
    say(f"architecture  {found['network']} ({found['arch']})")
    last, export = found["evaluation"], found["export"]
    if last:
        interval = Interval.read(last).words("{:.2%}".format)
        over = whose(last, "unseen speaker")
        say(f"accuracy      {last['accuracy']:.2%} (95 % interval {interval}, {over})")
        for warning in heard.words(last):
            say(warning)
    say(f"parameters    {found['params']:,}")
    say(f"multiply-adds {found['macs']:,}")
    if more := found["in_training"]:
        say(f"in training   {more['params']:,} parameters, {more['macs']:,} multiply-adds, before the fold")
    if found["stream"]:
        say(f"streaming     {streams.line(found['stream'])}")
    if export:
        for name, row in export.get("files", {}).items():
            say(f"exported file {export['folder']}/{name} ({row['bytes']:,} bytes)")
    say(f"report        {found['report']}")


def _examples(folder: Path, *, sound: bool) -> list[Example]:
    """A few clips of the last evaluation with the model's answers; mistakes first, at most half."""
    last = evaluation(folder)
    if last is None or not (folder / "scores.json").exists():
        return []
    directory = Path(last["data"])
    if "speakers" not in last or not directory.exists():
        return []  # images have no features to draw
    rows = read_json(folder / "scores.json")
    records.check(AnswersRecord, {"rows": rows}, str(folder / "scores.json"))
    order = numpy_rng("examples").permutation(len(rows))
    wrong = [rows[i] for i in order if rows[i]["label"] != rows[i]["truth"]][: _EXAMPLES // 2]
    right = [rows[i] for i in order if rows[i]["label"] == rows[i]["truth"]][: _EXAMPLES - len(wrong)]
    items = {item.id: item for item in kaldi.read(directory)}
    model = load(folder)
    chosen = [row for row in (*right, *wrong) if row["id"] in items]
    return [_example(items[row["id"]], row, model, sound=sound) for row in chosen]


def _example(item: Item, row: dict[str, Any], model: Any, *, sound: bool) -> Example:
    rate, samples, first = model.sample_rate, model.bundle.samples, model.bundle.first_channel
    seconds, form = min(item.seconds, samples / rate), {} if first is None else {"channel": first}
    part = clip(item.audio, rate, start=item.start, seconds=seconds, loud=True, **form)
    wave = audio.fitted(part, samples)
    with torch.inference_mode():
        seen = model.network.normalize(model.network.front_end(torch.from_numpy(wave)[None]))
    features: np.ndarray = seen[0, 0].numpy()  # as the network sees it
    heard = wav(wave, rate) if sound and row["truth"] != row["label"] else b""
    return Example(Path(item.audio).name, row["truth"], row["label"], row["score"], features, heard)
