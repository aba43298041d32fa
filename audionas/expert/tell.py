"""The lines that `audionas make` prints: data, what can be measured, device, plan, result, files."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from audionas.core.files import read_json
from audionas.core.hostile import command
from audionas.core.intervals import Interval
from audionas.core.reporter import amount, clock
from audionas.engine.metrics import whose
from audionas.expert.clock import Clock
from audionas.expert.devices import device, memory
from audionas.expert.plan import FILE, Plan
from audionas.expert.script import FILE as SCRIPT
from audionas.report.run import evaluation


def plan(made: Plan, time: Clock, left: float) -> Iterator[str]:
    """The data, what they cannot show, the device, and the plan with the time at which it ends."""
    yield f"data      {made.source or made.word}: {made.value('task')}; {made.decisions['task'].why}"
    yield f"split     {made.decisions['split'].why}"
    for each in made.decisions.values():
        if each.warning:
            yield f"limit     {each.warning}"
    target = device(made.device)
    yield f"device    {made.device}, {target.told}; operators: {target.operators}; limits: {memory(target)}"
    rows = made.value("networks")
    if len(rows) > 1:
        tried = ", ".join(f"{name} ({amount(row['trial_epochs'], 'epoch')})" for name, row in rows.items())
        yield f"plan      try {tried}; then train the best"
    for name, row in rows.items() if len(rows) == 1 else ():
        begins = f", from the weights of {row['init']}" if row["init"] else ""
        yield f"plan      train {name} for {amount(row['epochs'], 'epoch')}{begins}"
    ends = datetime.now().astimezone() + timedelta(seconds=left)
    used = f"{clock(time.spent)} used of {clock(time.given)}"
    yield f"time      {used}; ends about {ends:%H:%M}, in {clock(left)}"


def result(made: Plan, home: Path, time: Clock) -> Iterator[str]:
    """The result, how sure it is, and where it lies."""
    chosen = made.decisions["choice"]
    yield f"chosen    {chosen.value}; {chosen.why}"
    for name, epoch in made.stops.items():
        yield f"cut       {name}: stopped after epoch {epoch}, since the time was up; this machine was slower"
    if (found := evaluation(home)) is not None:
        interval = Interval.read(found).words("{:.1%}".format)
        over = whose(found, "unseen speaker")
        clips = amount(found["n"], "test clip")
        yield f"accuracy  {found['accuracy']:.1%} of {clips} (95 % interval {interval}, {over})"
    if "rate" in made.decisions:
        yield from _tuned(home)
    report = read_json(home / "export" / "report.json")
    files = ", ".join(f"{name} ({row['bytes'] / 1000:,.0f} kB)" for name, row in report["files"].items())
    yield f"files     {home}/export: {files}"
    yield f"page      {home}/report.html; decisions: {home}/{FILE}; the same by verbs: {home}/{SCRIPT}"
    yield f"time      {clock(time.spent)} of {clock(time.given)}"
    yield f"try       {command('audionas', 'predict', home, 'recording.wav')}"


def _tuned(home: Path) -> Iterator[str]:
    """The threshold of each file, with what it misses."""
    found = read_json(home / "tune" / "tune.json")
    for row in found["files"]:
        for word, each in row["words"].items():
            yield (
                f"threshold {row['file']}: {word} at {each['threshold']:.3f} for "
                f"{found['target']:g} false accepts per hour of {row['hours']:.2f} h"
            )
