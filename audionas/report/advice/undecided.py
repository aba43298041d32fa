"""Undecided alphas: what a search took was hardly ahead of the next, so that chance may have chosen."""

from collections.abc import Mapping
from pathlib import Path

from audionas.core.hostile import command, setting
from audionas.core.records.decided import DecidedRecord
from audionas.core.reporter import amount
from audionas.report.advice.box import Advice, again


def undecided(record: DecidedRecord, folder: Path, epochs: int) -> Advice | None:
    """`record` holds the margins of a search of `epochs`, and in its advice what helps the method."""
    if not record.undecided:
        return None
    _, _, more = record.advice.partition("--overwrite ")
    words = more.split() or [f"search.epochs={2 * epochs}"]
    name = setting("name", f"{folder.resolve().name}_longer")
    return Advice(
        f"The search is {record.words}. Another seed may well find another network. Search for longer:",
        command("audionas", "search", folder / "search" / "config.yaml", name, *words),
    )


def undecided_methods(shares: Mapping[str, float], title: str, epochs: int, typed: str) -> Advice | None:
    """`shares` are those of a comparison's searches that were undecided, by method; `typed` its command."""
    found = [label for label, share in shares.items() if share >= 0.5]
    if not found or not epochs:
        return None
    return Advice(
        f"At least half of the searches of {amount(len(found), 'method')} ended undecided "
        f"({', '.join(found)}): their networks are partly chance. Search for longer:",
        again(typed, setting("name", f"{title}_longer"), f"search.epochs={2 * epochs}"),
    )
