"""The lines that `audionas make` prints: data, what can be measured, device, plan, result, files."""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from audionas.core.files import read_json
from audionas.core.hostile import command
from audionas.core.reporter import amount, clock
from audionas.expert import quality
from audionas.expert.clock import OVER, Clock
from audionas.expert.decide import TRIAL
from audionas.expert.devices import device, memory
from audionas.expert.plan import FILE, Plan
from audionas.expert.script import FILE as SCRIPT
from audionas.expert.steps import final_epochs, keys
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
    yield from late(made, time, left)
    ends = datetime.now().astimezone() + timedelta(seconds=left)
    used = f"{clock(time.spent)} used of {clock(time.given)}"
    yield f"time      {used}; ends about {ends:%H:%M}, in {clock(left)}"


def result(made: Plan, home: Path, time: Clock) -> Iterator[str]:
    """The result, how sure it is, and where it lies."""
    chosen = made.decisions["choice"]
    yield f"chosen    {chosen.value}; {chosen.why}"
    for name, epoch in made.stops.items():
        yield f"cut       {name}: stopped after epoch {epoch}, since its time was up; this machine was slower"
    if (found := evaluation(home)) is not None:
        yield from quality.lines(made, found)
    if "rate" in made.decisions:
        yield from quality.tuned(home)
    yield from late(made, time, 0.0)
    report = read_json(home / "export" / "report.json")
    files = ", ".join(f"{name} ({row['bytes'] / 1000:,.0f} kB)" for name, row in report["files"].items())
    yield f"files     {home}/export: {files}"
    yield f"page      {home}/report.html; decisions: {home}/{FILE}; the same by verbs: {home}/{SCRIPT}"
    yield f"time      {clock(time.spent)} of {clock(time.given)}"
    if "rate" in made.decisions:
        said = command("audionas", "detect", home, "recording.wav")
        yield f"try       {said}; in a browser: {command('audionas', 'demo-web', home)}"
    else:
        yield f"try       {command('audionas', 'predict', home, 'recording.wav')}"


def late(made: Plan, time: Clock, left: float) -> Iterator[str]:
    """A line where the plan cannot keep the time, or trains for too few epochs to learn."""
    rows = made.value("networks")
    if (row := rows.get(made.value("choice") if "choice" in made.decisions else next(iter(rows)))) is None:
        return
    told = []
    if time.spent + left > (1 + OVER) * time.given:
        needs = "needs" if left else "took"
        told.append(f"the plan {needs} {clock(time.spent + left)}, and {clock(time.given)} were given")
    epochs = made.stops.get("train", final_epochs(made) if "choice" in made.decisions else row["epochs"])
    few = 0 if "train.epochs" in keys(made.changes) else max(0, TRIAL - epochs)
    if few:
        told.append(f"training for {amount(epochs, 'epoch')} teaches little")
    if told:
        seconds = time.spent + left + few * row["epoch"]
        yield f"limit     {'; '.join(told)}: give --minutes {max(1, math.ceil(seconds / 60))} or more"
