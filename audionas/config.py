"""The only door between YAML and the dataclasses of the lower rungs.

Keys are strict, scalars lenient (`1e-3` is a number), and every problem is reported at once with
its path. `base:` names one config that this one changes; `a.b=c` on the command line comes last.
Sections merge, values do not: `searcher.objectives={loss: min}` leaves no other objective, but
`searcher.objectives.loss=min` adds one and `searcher.objectives.macs=null` removes one. A section whose
`name` changes replaces the base's section.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import TypeAdapter, ValidationError

from audionas.core.errors import Faults, UserError, did_you_mean
from audionas.core.faults import beyond, placed, refused
from audionas.core.files import name_fault, read_text
from audionas.core.hostile import command
from audionas.core.merge import listed, merge, sections_of
from audionas.core.records.renewed import renewed
from audionas.core.registry import allow, names, resolve
from audionas.core.reporter import amount
from audionas.core.strict import voids
from audionas.cost.fitted import fit
from audionas.cost.limits import Limits
from audionas.data.conf import Augment, Data
from audionas.engine.conf import Compare, General, Rank, Search, Train, label_of
from audionas.features import Features, SpecAugment
from audionas.images.conf import Images
from audionas.methods._base import Method
from audionas.methods._derivation import laid, section_of
from audionas.methods._idle import in_vain
from audionas.methods._unread import unread
from audionas.searchers._base import Searcher
from audionas.spaces._base import Space


@dataclass(frozen=True, kw_only=True)
class Config:
    """A checked config. `features` is None where the architecture's own front-end is to be used, `images`
    where the data are recordings; with `images` the sections about recordings are not read. `changes` says,
    in sentences, what the profile changed in the sections.
    """

    general: General
    data: Data
    images: Images | None
    augment: Augment
    spec_augment: SpecAugment
    features: Features | None
    space: Space | None
    method: Method | None
    searcher: Searcher | None
    search: Search
    train: Train
    compare: Compare | None
    rank: Rank | None
    limits: Limits | None
    raw: Mapping[str, Any] = field(repr=False)
    changes: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The run's folder, `exp/<name>`."""
        return Path(self.general.out) / self.general.name

    def void(self, *sections: str) -> list[str]:
        """Sentences about what is set in these sections and changes nothing."""
        there = [(name, getattr(self, name)) for name in sections if getattr(self, name) is not None]
        told = [line for name, found in there for line in voids(found, self.raw.get(name) or {}, name)]
        if self.method is not None and "method" in sections:
            told += in_vain(self.method, self.raw["method"], self.search.epochs, self.searcher is not None)
            told += self.unread("augment_alpha")
        return told

    def unread(self, *keys: str) -> list[str]:
        """Sentences about those keys of `search` that are set and that the method does not read."""
        why = {} if self.method is None else unread(self.method)
        return [
            f"search.{key} changes nothing, since {why[key]}"
            for key in keys
            if key in why and getattr(self.search, key) is not None
        ]

    def resolved(self) -> dict[str, Any]:
        """Every value, defaults included, as plain data that `load` reads back."""
        plain: dict[str, Any] = {f.name: getattr(self.general, f.name) for f in fields(General)}
        for section in SECTIONS:
            value = getattr(self, section)
            if value is not None and not (self.images is not None and section in SOUND):
                name = {"name": self.raw[section]["name"]} if section in NAMED else {}
                plain[section] = {**name, **_plain(section_of(value))}
        return plain


SECTIONS: dict[str, type] = {
    "data": Data,
    "images": Images,
    "augment": Augment,
    "spec_augment": SpecAugment,
    "features": Features,
    "space": Space,
    "method": Method,
    "searcher": Searcher,
    "search": Search,
    "train": Train,
    "compare": Compare,
    "rank": Rank,
    "limits": Limits,
}
NAMED = ("space", "method", "searcher")  # sections whose class is chosen by `name`
OPTIONAL = ("images", "features", "space", "method", "searcher", "compare", "rank", "limits")
SOUND = ("data", "features", "augment", "spec_augment")  # of recordings; `images` excludes them


class _Loader(yaml.SafeLoader):
    """YAML's safe subset; a key given twice is an error instead of a silent overwrite."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Check for duplicates, then build the mapping."""
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key must be a word", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"key '{key.value}' appears twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class Layer(NamedTuple):
    """Sections that lie over earlier ones: `origin` names their file or what was typed, and `path` leads to
    the one key of an override.
    """

    origin: str
    raw: dict[str, Any]
    path: tuple[str, ...] = ()


def layers(
    path: Path | str | None, overrides: Sequence[str] = (), over: Sequence[Layer] = ()
) -> Iterator[Layer]:
    """The layers that a config is merged from: its base, its file, what lies over them, overrides.

    Raises one UserError at the end for a file that cannot be read and for all that are no overrides.
    """
    faults = Faults()
    with faults:
        yield from [] if path is None else _files(Path(path))
    yield from over
    for override in overrides:
        with faults:
            keys, nested = _override(override)
            yield Layer(override, nested, keys)
    faults.tell()


def _files(path: Path) -> Iterator[Layer]:
    """The layers of a file and of its base."""
    raw = plain(path)
    if "base" in raw:
        base = plain(beside := path.parent / str(raw.pop("base")))
        if "base" in base:
            raise UserError(f"{path}: its base names another base", hint="Configs inherit one level only.")
        yield Layer(str(beside), base)
    yield Layer(str(path), raw)


def load(
    path: Path | str | None,
    overrides: Sequence[str] = (),
    *,
    over: Sequence[Layer] = (),
    trusted: bool = True,
) -> Config:
    """Read, merge and check a config; raises one UserError with every problem.

    A config may name classes of the user's own modules, unless it is not `trusted`: read from a folder that
    someone else, or an earlier version, may have made.
    """
    raw: dict[str, Any] = {}
    written: list[Any] = []
    source, faults, origins = "config" if path is None else str(path), Faults(), set[str]()
    with faults:
        for layer in layers(path, overrides, over):
            origins.add(layer.origin)
            given = worded(layer.raw if trusted else renewed(layer.raw))
            for name in _names(given) if trusted else ():
                with faults:
                    allow(name.partition(":")[0])
            raw = merge(raw, given, SECTIONS, NAMED, layer.path)
            written = written if layer.path else _compared(raw)
    if path is not None and source not in origins:
        faults.tell()  # what the file would have said of the rest is not known
    if path is not None:
        raw.setdefault("name", Path(path).stem)
    if "/" in str(raw.get("name", "")):
        faults.problems.append(f"{source}: name: {name_fault(str(raw['name']))}")
    if methods := _compared(raw):  # a name on the command line means the file's section of that name
        sections = {label_of(m): m for m in written if isinstance(m, Mapping)}
        chosen = [sections.get(m, m) if isinstance(m, str) else m for m in methods]
        raw = {**raw, "compare": {**raw["compare"], "methods": chosen}}
    with faults:
        built = _build(raw, source)
    faults.tell()
    return built


def worded(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The sections, those that are a name alone spelled out: `method: darts`, `features: mfcc/ds_cnn`."""
    return {key: _spelled(key, value) for key, value in raw.items()}


def _spelled(section: str, value: Any) -> Any:
    if not isinstance(value, str) or section not in (*NAMED, "features"):
        return value
    name, slash, preset = value.partition("/") if section == "features" else (value, "", "")
    return {"name": name, **({"preset": preset} if slash else {})}


def _names(raw: Mapping[str, Any]) -> list[str]:
    """The classes from outside the package that a config names."""
    sections = [*(raw.get(section) for section in SECTIONS), *_compared(raw)]
    named = [s.get("name") if isinstance(s, Mapping) else s for s in sections]
    return [name for name in named if isinstance(name, str) and ":" in name]


def changed(conf: Config, **sections: Any) -> Config:
    """The config with these keys or sections in place of its own (None removes one), checked again."""
    raw = {key: value for key, value in {**conf.raw, **sections}.items() if value is not None}
    return _build(raw, conf.general.name)


def built(raw: Mapping[str, Any]) -> Config:
    """The config of plain data, such as another process's `Config.raw`; checked again."""
    return _build(dict(raw), str(raw.get("name", "config")))


def compared(conf: Config) -> dict[str, dict[str, Any]]:
    """The `method` sections that a comparison runs, by label; by default all that train a supernet."""
    wanted = conf.compare.methods if conf.compare is not None else None
    if wanted is None:
        wanted = tuple(name for name in names("method") if resolve("method", name).trains)
    return {label_of(method): _method(method) for method in wanted}


def dump(plain: Mapping[str, Any]) -> str:
    """Plain data as YAML, in the order given."""
    return yaml.safe_dump(dict(plain), sort_keys=False, allow_unicode=True)


def _compared(raw: Mapping[str, Any]) -> list[Any]:
    """The value of `compare.methods`, of which one alone is a list of one."""
    section = raw.get("compare")
    methods = section.get("methods") if isinstance(section, Mapping) else None
    methods = [methods] if isinstance(methods, str | Mapping) else methods
    return list(methods) if isinstance(methods, list | tuple) else []


def _method(method: str | Mapping[str, Any]) -> dict[str, Any]:
    """The `method` section for a name, or for a mapping, which loses its `as`."""
    return {"name": method} if isinstance(method, str) else {k: v for k, v in method.items() if k != "as"}


def plain(path: Path) -> dict[str, Any]:
    """The keys and values of a YAML file, unchecked. Raises UserError where it holds anything else."""
    text = read_text(path, hint="Give the path of a YAML config.")
    try:
        raw = yaml.load(text, Loader=_Loader)  # a SafeLoader
    except (yaml.YAMLError, RecursionError) as error:
        raise UserError(f"{path}: not valid YAML: {error}") from error
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise UserError(f"{path}: expected keys and values, found {type(raw).__name__}")
    return {str(key): value for key, value in raw.items()}


def _override(text: str) -> tuple[tuple[str, ...], dict[str, Any]]:
    """`a.b=c` as its path and nested mappings, c read as YAML."""
    keys, equals, value = text.partition("=")
    if not equals or not all(keys.split(".")):
        raise UserError(
            f"'{text}' is not an override", hint="Write key=value, for example: method.std=0.1 seed=3"
        )
    try:
        # a string of NAS-Bench-201 begins with what YAML takes for a block
        nested: Any = value if value.startswith("|") else yaml.load(value, Loader=_Loader)  # a SafeLoader
    except (yaml.YAMLError, RecursionError) as error:
        raise UserError(f"'{text}': the value is not valid YAML: {error}") from error
    for key in reversed(path := tuple(keys.split("."))):
        nested = {key: nested}
    return path, nested


def _build(raw: dict[str, Any], source: str) -> Config:
    problems: list[str] = []
    known = [f.name for f in fields(General)] + list(SECTIONS)
    problems += [f"{key}: unknown key.{did_you_mean(key, known)}" for key in raw if key not in known]
    general = {key: value for key, value in raw.items() if key in known and key not in SECTIONS}
    built: dict[str, Any] = {"general": _section(General, general, "", problems)}
    for section, kind in SECTIONS.items():
        value = raw.get(section)
        if value is None and section in OPTIONAL:
            built[section] = None
        elif value is not None and not isinstance(value, Mapping):
            problems.append(f"{section}: expected keys and values, got {value!r}")
        elif value is not None and section in NAMED:
            built[section] = _named(section, value, problems, section)
        else:
            built[section] = _section(kind, value or {}, section, problems)
    if raw.get("images") is not None and (both := [s for s in SOUND if raw.get(s) is not None]):
        problems.append(
            f"images: a run reads images or recordings, not both; leave out images, or {', '.join(both)}"
        )
    for place, method in enumerate(built["compare"].methods or ()) if built.get("compare") else ():
        _named("method", _method(method), problems, f"compare.methods.{place}")
    if built.get("features") is not None:
        try:
            built["features"].resolved()  # contradictions of settings with their preset
        except UserError as error:
            problems += [placed("features", p) for p in error.problems]
    changes = () if problems else fit(built, problems)
    if problems:
        count = amount(len(problems), "problem")
        raise UserError([f"{source}: {count}", *(f"  {p}" for p in problems)])
    return Config(**built, raw=raw, changes=changes)


def _named(section: str, value: Mapping[str, Any], problems: list[str], path: str) -> Any:
    """A section whose class its `name` chooses."""
    rest = dict(value)
    name = rest.pop("name", None)
    if not isinstance(name, str):
        problems.append(f"{path}.name: missing; see: {command('audionas', 'list', section + 's')}")
        return None
    try:
        kind = resolve(section, name)
    except UserError as error:
        problems.append(f"{path}.name: {error.problems[0]} ({command('audionas', 'list', section + 's')})")
        return None
    if not issubclass(kind, SECTIONS[section]):
        problems.append(f"{path}.name: {name} is not a {SECTIONS[section].__name__}")
        return None
    try:
        kind, rest = laid(kind, rest) if section == "method" else (kind, rest)
    except UserError as error:
        problems += _faults(path, error)
        return None
    return _section(kind, rest, path, problems)


@lru_cache(maxsize=256)
def _adapter(kind: type) -> TypeAdapter[Any]:
    """The validator of a section, which takes pydantic some hundredths of a second to make."""
    return TypeAdapter(kind)


def _section(kind: type, value: Mapping[str, Any], path: str, problems: list[str]) -> Any:
    """`kind` filled from `value`; each fault is added to `problems`, with its path.

    Sections within are filled first: a value that one of them refuses must not hide the others' faults.
    """
    rest = listed(kind, value)
    for name, inner in sections_of(kind).items():
        if isinstance(rest.get(name), Mapping):
            before = len(problems)
            _section(inner, rest[name], f"{path}.{name}", problems)
            if len(problems) > before:
                del rest[name]
    try:
        filled: Any = _adapter(kind).validate_python(rest)
        problems += beyond(asdict(filled), tuple(filter(None, path.split("."))))
        return filled
    except ValidationError as error:
        problems += [refused(kind, path, e["loc"], e["type"], e["msg"], e["input"]) for e in error.errors()]
    except UserError as error:
        problems += _faults(path, error)
    return None


def _faults(path: str, error: UserError) -> list[str]:
    return [*(placed(path, p) for p in error.problems), *([f"  {error.hint}"] if error.hint else [])]


def _plain(value: Any) -> Any:
    """Turn tuples into lists, so that YAML stays plain."""
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value
