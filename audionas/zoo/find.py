"""An architecture by name, file or text: a zoo entry, `arch.json`, a run folder, a genotype, a string."""

import json
from pathlib import Path

from audionas import zoo
from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import UserError, did_you_mean
from audionas.core.files import read_json, read_text
from audionas.spaces._genotype import genotype_of, spec_from_genotype
from audionas.spaces._nb201_code import code_of, spec_from_code
from audionas.spaces.darts_cell import DartsCell

CIFAR = InputSpec(3, 32, 32, 10)
TRAINED = {"layers": 20, "channels": 36}  # the size at which DARTS and its successors train a cell for CIFAR


def find(name: str) -> ArchSpec:
    """The spec behind `name`; UserError when there is no such zoo network, file or text.

    A front, `front.json`, stands for its knee, `front.json#3` and `exp/x#3` for its number 3. Text does not
    describe the network around the cell: DARTS' cells are read as trained for CIFAR (20 cells, 36
    channels), those of NAS-Bench-201 as in the benchmark.
    """
    if _is_text(name):
        return parse(name)
    file, hash_, number = (name, "", "") if Path(name).exists() else name.partition("#")
    path = Path(file)
    if path.is_dir():
        path = path / ("front.json" if hash_ else "arch.json")
    if path.is_file():
        return _member(path, number) if hash_ or path.name == "front.json" else read(path)
    if path.suffix in (".json", ".txt") or "/" in name:
        raise UserError(
            f"{path}: no such file", hint="Search for an architecture first: audionas search CONF"
        )
    if name in zoo.names():
        return zoo.load(name)
    raise UserError(
        f"no network called '{name}'.{did_you_mean(name, zoo.names())}",
        hint="Give an arch.json, a genotype, or a name from: audionas list zoo",
    )


def _member(path: Path, number: str) -> ArchSpec:
    """The network of a front with this number, from 1; the knee where `number` is empty."""
    try:
        raw = read_json(path)
        members, which = raw["members"], number or str(raw["knee"])
        found = {str(n): json.dumps(member["arch"]) for n, member in enumerate(members, 1)}
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not a front", hint="A search with a searcher writes front.json.") from error
    if which not in found:
        raise UserError(f"{path}#{which}: no such network; the front has 1 to {len(found)}")
    return ArchSpec.from_json(found[which], f"{path}#{which}")


def read(path: Path) -> ArchSpec:
    """The spec in an architecture file, or in a text file; UserError for a file of another kind."""
    text = read_text(path, hint="It is not an architecture file; a search writes one: exp/NAME/arch.json")
    if not _is_text(text):
        return ArchSpec.from_json(text, str(path))
    try:
        return parse(text)
    except UserError as error:
        raise UserError([f"{path}:", *error.problems], hint=error.hint) from error


def parse(text: str) -> ArchSpec:
    """The architecture in a genotype or a NAS-Bench-201 string; UserError for other text."""
    if text.strip().startswith("|"):
        return spec_from_code(text, CIFAR)
    return spec_from_genotype(text, DartsCell(preset="s4" if "'noise'" in text else "darts"), CIFAR, TRAINED)


def told(spec: ArchSpec) -> str:
    """An architecture in one line: as the field writes it, or its options in order, or its space."""
    if spec.space == "darts_cell":
        return genotype_of(spec)
    if spec.space == "nas_bench_201":
        return code_of(spec)
    return " ".join("+".join(options) for options in spec.choices.values()) or spec.space


def _is_text(text: str) -> bool:
    return text.strip().startswith("|") or "Genotype(" in text.partition("{")[0]
