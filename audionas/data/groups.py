"""Groups of utterances: files such as `utt2device` in a data directory, one `<utterance> <group>` per line.

A group is any property by which scores are reported: the recording device, the microphone node, the city. The
file's name is `utt2` and the property; `utt2spk` is one of them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from audionas.core.errors import UserError, did_you_mean
from audionas.core.files import write_text

_SHOWN = 5  # utterances named in a message


def read_groups(folder: Path | str, name: str, ids: Sequence[str]) -> list[str]:
    """The group of each utterance in `ids`, in their order, from `utt2<name>` of a data directory.

    Raises UserError if the file is missing, a line is not a pair, or an utterance is missing or repeated.
    """
    file = Path(folder) / f"utt2{name}"
    if not file.is_file():
        known = sorted(f.name.removeprefix("utt2") for f in Path(folder).glob("utt2*"))
        raise UserError(
            f"{file}: no such file, so utterances have no '{name}'.{did_you_mean(name, known)}",
            hint="Each line is '<utterance> <group>'; existing groups: " + (", ".join(known) or "none"),
        )
    found, problems = _parsed(file)
    missing = [key for key in ids if key not in found]
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        problems.append(f"{file}: no line for {', '.join(missing[:_SHOWN])}{more}")
    if problems:
        raise UserError(problems)
    return [found[key] for key in ids]


def write_groups(folder: Path | str, name: str, groups: Mapping[str, str]) -> None:
    """Write `utt2<name>` into a data directory, sorted, atomically; ids and groups are single words."""
    bad = [f"{k}: {v!r}" for k, v in groups.items() if len(f"{k} {v}".split()) != 2]
    if bad:
        raise UserError([f"utt2{name}: a group is one word, not {text}" for text in bad])
    write_text(Path(folder) / f"utt2{name}", "".join(f"{k} {v}\n" for k, v in sorted(groups.items())))


def _parsed(file: Path) -> tuple[dict[str, str], list[str]]:
    """The group of each utterance, and the faults of the file."""
    found: dict[str, str] = {}
    problems = []
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return {}, [f"{file}: not UTF-8"]
    for number, line in enumerate(lines, 1):
        words = line.split()
        if len(words) != 2:
            problems.append(f"{file}:{number}: expected an utterance and its group, not {line!r}")
        elif words[0] in found:
            problems.append(f"{file}:{number}: '{words[0]}' appears twice")
        else:
            found[words[0]] = words[1]
    return found, problems
