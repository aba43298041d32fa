"""Prints the README's tables from exp/: the costs of each network, and the errors of its files."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from audionas.core.errors import UserError
from audionas.core.files import read_json
from audionas.core.intervals import Interval
from audionas.core.reporter import say, script
from audionas.engine.metrics import over_seeds, paired
from audionas.report.markdown import Markdown, code, table, text

EXP = Path("exp")
NAMES = {"recorded": "recordings", "espeak": "eSpeak sentences"}
FLOAT, INT8 = "float", "int8"


def main() -> None:
    """Print a table of costs, one of errors per kind of negatives, and one of hard negatives."""
    runs = sorted(folder.parent for folder in EXP.glob("*/test.json"))
    if not runs:
        raise UserError("no measured run in exp/; start with run.sh")
    head = ["network", "seed", "parameters", "state bytes", "multiply-adds per hop"]
    head += ["accuracy of clips % (95 %)", "AUT of clips"]
    show(head, map(costs, runs))
    for kind, name in NAMES.items():
        rows = [(run, row) for run in runs for row in read_json(run / "test.json") if row["kind"] == kind]
        rows = sorted(rows, key=lambda each: gap(each[1]))  # gaps at the end
        if rows:
            about = f"{rows[0][1]['hours']:.2f} h of {name} ({sources(rows[0][1])})" if known(rows) else name
            say("", text(f"False accepts on {about}"), "")
            errors(rows)
            rows = known(rows)
            say("", f"Over seeds, on the same {name}; - searched: the mean difference on the same clips", "")
            over(rows)
    rows = [(run, row) for run in runs for row in read_json(run / "test.json") if row["kind"] == "hard"]
    if rows:
        say("", "Hard negatives accepted with dev's threshold", "")
        hard(rows)


def hard(rows: list[tuple[Path, Mapping[str, Any]]]) -> None:
    """Print the hard negatives that are accepted with dev's threshold, by file and kind."""
    kinds = list(dict.fromkeys(kind for _, row in rows for kind in row["accepted"]))
    head = ["network", "seed", "file", *(kind.replace("_", " ") for kind in kinds), "all"]
    shown = []
    for run, row in rows:
        counts = [row["accepted"].get(kind, [0, 0]) for kind in kinds]
        counts.append([sum(count) for count in zip(*counts, strict=True)])
        shown.append([*named(run), titled(row["file"]), *(f"{fired} of {clips}" for fired, clips in counts)])
    show(head, shown)


def gap(row: Mapping[str, Any]) -> str:
    """Why a file has no figures; empty where it has."""
    return str(row.get("gap", "refused by the export" if "refused" in row else ""))


def known(rows: list[tuple[Path, Mapping[str, Any]]]) -> list[tuple[Path, Mapping[str, Any]]]:
    """The rows with figures."""
    return [(run, row) for run, row in rows if not gap(row)]


def over(rows: list[tuple[Path, Mapping[str, Any]]]) -> None:
    """Print rejected clips by network and precision over seeds, and paired with the searched network's."""
    head = ["network", "file", "seeds", "rejected % at the lowest rate, mean ± sd (95 % t-interval)"]
    head += ["- searched, points (95 %)", "with dev's threshold: rejected %, FA/h, means"]
    found: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for run, row in rows:
        network, seed = named(run)
        found.setdefault((network, kind_of(row["file"])), {})[seed] = row
    shown = []
    for (network, file), seeds in found.items():
        spread = over_seeds([100 * row["least"]["rejected"] for row in seeds.values()], (0, 100))
        deviation = "" if spread["sd"] is None else f" ± {spread['sd']:.1f}"
        words = f"{spread['mean']:.1f}{deviation} ({Interval.read(spread).words('{:.1f}'.format)})"
        gap = "" if network == "searched" else against(seeds, found.get(("searched", file), {}))
        tuned = [mean(row["tuned"][key] for row in seeds.values()) for key in ("rejected", "fa_per_hour")]
        shown.append([network, file, len(seeds), words, gap, f"{100 * tuned[0]:.1f}, {tuned[1]:.2f}"])
    show(head, shown)


def against(mine: Mapping[str, Mapping[str, Any]], theirs: Mapping[str, Mapping[str, Any]]) -> str:
    """Rejected clips minus the others', in points: over the seeds that both have, drawn by clips."""
    both = sorted(set(mine) & set(theirs))
    if not both:
        return ""
    result = paired(mean_rejected(mine, both), mean_rejected(theirs, both), list(mine[both[0]]["levels"]))
    interval = Interval.read(result).words(lambda end: f"{100 * end:+.1f}")
    return f"{100 * result['difference']:+.1f} ({interval})"


def mean_rejected(seeds: Mapping[str, Mapping[str, Any]], chosen: list[str]) -> np.ndarray:
    """For each clip, the share of seeds whose network rejects it at the lowest rate."""
    rejected = [
        [level < seeds[seed]["least"]["threshold"] for level in seeds[seed]["levels"].values()]
        for seed in chosen
    ]
    return np.mean(rejected, 0)


def errors(rows: list[tuple[Path, Mapping[str, Any]]]) -> None:
    """Print the clips rejected at rates of false accepts, by file."""
    asked = rows[0][1].get("at", [])
    told = [place for place, at in enumerate(asked) if at["measurable"]]
    unknown = [f"{at['fa_per_hour']:g}" for at in asked if not at["measurable"]]
    if unknown:
        say(f"At {', '.join(unknown)} FA/h: not measurable with {rows[0][1]['hours']:.2f} h.", "")
    rates = [f"rejected % at {asked[place]['fa_per_hour']:g} FA/h" for place in told]
    head = ["network", "seed", "file", *rates, "rejected % at the lowest rate that can be measured (95 %)"]
    head += ["with dev's threshold: rejected % (95 %), FA/h (95 %)", "arena bytes", "ms per hop"]
    shown = []
    for run, row in rows:
        cells = [*named(run), titled(row["file"])]
        if why := gap(row):
            shown.append([*cells, f"- ({why})", *["-"] * (len(head) - len(cells) - 1)])
            continue
        file = read_json(run / "export" / "report.json")["files"][row["file"]]
        least, tuned = row["least"], row["tuned"]
        cells += [at_rate(row["at"][place]) for place in told]
        cells.append(f"{at_rate(least)} at {least['fa_per_hour']:.2f}")
        cells.append(f"{at_rate(tuned)}, {tuned['fa_per_hour']:.2f}{rate_interval(tuned)}")
        arena = file.get("arena_bytes")
        shown.append([*cells, f"{arena:,}" if arena else "-", f"{file['latency_ms']['p50']:.2f}"])
    show(head, shown)


def show(head: Sequence[object], rows: Iterable[Sequence[object]]) -> None:
    """Print a table."""
    say(*table(head, rows).splitlines())


def titled(file: str) -> Markdown:
    """Precision and name of a file."""
    return Markdown(f"{precision(file)}, {code(file)}")


def costs(run: Path) -> list[str]:
    """The row of one network: parameters, state and work per score."""
    network, seed = named(run)
    cost, score = read_json(run / "cost.json"), read_json(run / "eval.json")
    stream = cost["stream"] if "hop_macs" in cost["stream"] else None
    state = f"{stream['state_bytes']:,}" if stream else "cannot stream"
    macs = stream["hop_macs"] if stream else cost["macs"]
    found = percent(score["accuracy"], Interval.read(score))
    (word,) = (row for label, row in score["per_class"].items() if not label.startswith("_"))
    return [network, seed, f"{cost['params']:,}", state, f"{macs:,}", found, f"{word['aut']:.4f}"]


def at_rate(at: Mapping[str, Any]) -> str:
    """Clips rejected at a rate that the hours can measure; "-" where no threshold is strict enough."""
    if at["rejected"] is None:
        return "-"
    if "rejected_interval" not in at:  # measured by an earlier version
        return f"{100 * at['rejected']:.1f}"
    return percent(at["rejected"], Interval.read(at, "rejected_interval"))


def rate_interval(tuned: Mapping[str, Any]) -> str:
    """The interval of a rate in brackets; what an earlier version measured has none."""
    if "fa_interval" not in tuned:
        return ""
    return f" ({Interval.read(tuned, 'fa_interval').words('{:.2f}'.format)})"


def percent(share: float, interval: Interval) -> str:
    """A share with its interval."""
    return f"{100 * share:.1f} ({interval.words(lambda end: f'{100 * end:.1f}')})"


def precision(file: str) -> str:
    """Float or int8, by the file's name: ESPHome's file has the name of the run."""
    return FLOAT if file in ("model.stream.onnx", "model.onnx", "model.tflite") else INT8


def kind_of(file: str) -> str:
    """The kind of a file, independent of the run's name."""
    return precision(file) if file.startswith("model.") else "ESPHome"


def named(run: Path) -> tuple[str, str]:
    """Network and seed of a folder."""
    network, _, seed = run.name.rpartition("_")
    return network, seed


def sources(row: Mapping[str, Any]) -> str:
    """Hours by source."""
    return ", ".join(f"{source} {hours:.2f} h" for source, hours in sorted(row["sources"].items()))


if __name__ == "__main__":
    with script():
        main()
