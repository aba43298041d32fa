"""Names to classes, for every name there is; unknown names and classes from outside the package."""

import sys
from pathlib import Path

import pytest

from audionas.core import registry
from audionas.core.errors import UserError

ALL = [(kind, name) for kind in registry.FOLDERS for name in registry.names(kind)]


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_every_name_is_a_class_that_says_what_it_is(kind: str, name: str) -> None:
    found = registry.resolve(kind, name)
    assert found.__name__.lower() == name.replace("_", "")
    assert found.__module__ == f"audionas.{registry.FOLDERS[kind]}.{name}"
    assert registry.summary(kind, name) == (sys.modules[found.__module__].__doc__ or "").strip()
    assert registry.summary(kind, name).split("\n")[0].strip()
    for field in ("paper", "arxiv", "family"):
        assert registry.inherited(kind, name, field) == getattr(found, field, "")


def test_names_are_sorted_and_private_files_are_none() -> None:
    for kind in registry.FOLDERS:
        assert registry.names(kind) == sorted(registry.names(kind))
        assert not any(name.startswith("_") for name in registry.names(kind))


@pytest.mark.parametrize(
    ("kind", "name", "near"),
    [
        ("method", "noisy_dart", "noisy_darts"),
        ("space", "kws_tcresnet", "kws_tc_resnet"),
        ("features", "mfc", "mfcc"),
    ],
)
def test_an_unknown_name_brings_the_nearest_and_where_to_look(kind: str, name: str, near: str) -> None:
    with pytest.raises(UserError, match=f"no {kind} called '{name}'. Did you mean '{near}'") as caught:
        registry.resolve(kind, name)
    assert caught.value.hint == f"See: audionas list {registry.FOLDERS[kind]}"


@pytest.mark.parametrize("name", ["", "_base", "../core/files", "darts.py", "Darts", "core.files"])
def test_what_is_no_name_is_not_imported(name: str) -> None:
    with pytest.raises(UserError, match="no method called"):
        registry.resolve("method", name)


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "their_methods.py").write_text("class Mine:\n    pass\n\nnumber = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "_ALLOWED", set())
    yield "their_methods"
    sys.modules.pop("their_methods", None)


def test_a_class_from_outside_is_not_imported_unasked(outside: str) -> None:
    with pytest.raises(UserError, match="not imported unasked") as caught:
        registry.resolve("method", f"{outside}:Mine")
    assert f"audionas --plugins {outside} ..." in caught.value.hint
    assert outside not in sys.modules


@pytest.mark.parametrize("module", ["", "a b", "../x", "x:Y", "x.", "1x", "x;y"])
def test_only_a_module_can_be_allowed(module: str) -> None:
    with pytest.raises(UserError, match="not the name of a module"):
        registry.allow(module)


def test_a_class_from_outside_is_named_in_full(outside: str) -> None:
    registry.allow(outside)
    found = registry.resolve("method", f"{outside}:Mine")
    assert (found.__module__, found.__name__) == (outside, "Mine")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("their_methods:Yours", "no attribute 'Yours'"),
        ("no_such_module:Mine", "No module named"),
        ("their_methods:number", "not a class"),
        ("their_methods:", "their_methods"),
        (":Mine", "not imported unasked"),
    ],
)
def test_a_class_that_is_not_there_is_the_users_to_fix(outside: str, name: str, reason: str) -> None:
    for module in (outside, "no_such_module"):
        registry.allow(module)
    with pytest.raises(UserError, match=reason):
        registry.resolve("method", name)
