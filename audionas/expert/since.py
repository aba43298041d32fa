"""The recordings as the plan saw them: what was added, removed or changed since is told, and not ignored."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from audionas.core.errors import UserError
from audionas.core.files import sha256_text
from audionas.core.hostile import command
from audionas.core.reporter import amount
from audionas.data.files import listing
from audionas.expert.decide import Decision
from audionas.expert.plan import FILE, Plan

NAME = "recordings"
Rows = Mapping[str, Mapping[str, Any]]  # by word, or folder of negatives: `files` and their `digest`


def seen(made: Plan) -> Decision:
    """The files of each word and of each folder of negatives, by number and digest of names, sizes, times."""
    source, found = Path(made.source), {}
    if made.source and source.is_dir():
        for folder in sorted(each for each in source.iterdir() if each.is_dir()):
            found[folder.name] = _row(folder)
    found |= {each: _row(Path(each)) for each in made.negatives if Path(each).is_dir()}
    kept = {name: row for name, row in found.items() if row["files"]}
    return Decision(kept, "names, sizes and times of the files; where they differ later, plan again")


def changed(made: Plan) -> str:
    """Each difference from the recordings that the plan saw; "" for nothing, and for plans that did not look.

    Recordings that are gone as a whole are not needed: the prepared data hold them.
    """
    if NAME not in made.decisions or (made.source and not Path(made.source).is_dir()):
        return ""
    return ", ".join(_changes(made.value(NAME), seen(made).value))


def error(made: Plan, home: Path, told: str) -> UserError:
    """The error for recordings that differ."""
    again = command("audionas", "make", home / FILE, "--again")
    return UserError(
        f"{made.source or ', '.join(made.negatives)}: the folder changed since the plan: {told}",
        hint=f"Plan again, which replaces that model: {again}; or keep it: give the new one a name: "
        f"name={home.name}_2",
    )


def _changes(before: Rows, now: Rows) -> Iterator[str]:
    """`1 word more (dog)`, `40 files more`, `files of yes changed`."""
    for names, word in ((sorted({*now} - {*before}), "more"), (sorted({*before} - {*now}), "fewer")):
        if names:
            yield f"{amount(len(names), 'word')} {word} ({', '.join(names)})"
    counts = {
        name: (now.get(name, {}).get("files", 0), before.get(name, {}).get("files", 0))
        for name in (*before, *now)
    }
    for sign, word in ((1, "more"), (-1, "fewer")):
        if many := sum(max(0, sign * (new - old)) for new, old in counts.values()):
            yield f"{amount(many, 'file')} {word}"
    if other := [
        k
        for k, row in before.items()
        if k in now and {**now[k]} != {**row} and now[k]["files"] == row["files"]
    ]:
        yield f"files of {', '.join(other)} changed"


def _row(folder: Path) -> dict[str, Any]:
    """How many sound files there are below a folder, and the digest of their names, sizes and times."""
    files = listing.sounds(folder, lambda line: None)
    facts = (f"{file.relative_to(folder)}\0{(s := file.stat()).st_size}\0{s.st_mtime_ns}" for file in files)
    return {"files": len(files), "digest": sha256_text("\0".join(facts))[:16]}
