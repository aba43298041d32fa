"""Tensors come back as they were; a full disk and a damaged file are named, and no draft is left."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from audionas.core import tensors
from audionas.core.errors import UserError
from audionas.engine import checkpoint


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """No file of this process grows beyond so many bytes: as on a full disk, writing fails in its midst."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_tensors_and_words_come_back(tmp_path: Path) -> None:
    base = torch.arange(6.0).reshape(2, 3)
    tensors.save({"a": base, "turned": base.t()}, tmp_path / "w.safetensors", {"spec": "x"})
    found = tensors.load(tmp_path / "w.safetensors")
    assert torch.equal(found["a"], base)
    assert torch.equal(found["turned"], base.t())
    assert tensors.metadata(tmp_path / "w.safetensors") == {"spec": "x"}


@pytest.mark.parametrize("types", [[torch.float32, torch.int64, torch.bool], [torch.float32, torch.bfloat16]])
def test_a_file_is_the_librarys_for_tensors_of_any_type(tmp_path: Path, types: list[torch.dtype]) -> None:
    given = {f"t.{n}": torch.arange(6).reshape(2, 3).to(kind) for n, kind in enumerate(types)}
    given |= {"scalar": torch.tensor(3), "empty": torch.zeros(0, 2)}
    tensors.save(given, tmp_path / "ours.safetensors", {"spec": "x"})
    save_file(given, tmp_path / "theirs.safetensors", metadata={"spec": "x"})
    assert (tmp_path / "ours.safetensors").read_bytes() == (tmp_path / "theirs.safetensors").read_bytes()


def test_arrays_come_back(tmp_path: Path) -> None:
    tensors.save_arrays({"a": np.arange(5)}, tmp_path / "a.safetensors")
    assert tensors.load_arrays(tmp_path / "a.safetensors")["a"].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("kind", ["tensors", "arrays"])
def test_a_full_disk_is_named_and_leaves_what_was_there(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "w.safetensors"
    path.write_text("old")
    zeros = np.zeros(10_000)
    write = {
        "tensors": lambda: tensors.save({"a": torch.from_numpy(zeros)}, path),
        "arrays": lambda: tensors.save_arrays({"a": zeros}, path),
    }[kind]
    with (
        small_disk(4096),
        pytest.raises(UserError, match=r"w\.safetensors: cannot be written") as caught,
    ):
        write()
    assert "Free some space" in caught.value.hint
    assert [f.name for f in tmp_path.iterdir()] == ["w.safetensors"]
    assert path.read_text() == "old"


@pytest.mark.parametrize("content", [b"", b"\xff" * 40, None])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "w.safetensors"
    path.mkdir() if content is None else path.write_bytes(content)
    for read in (tensors.load, tensors.metadata, tensors.load_arrays):
        with pytest.raises(UserError, match=r"w\.safetensors: damaged"):
            read(path)


def test_a_checkpoint_on_a_full_disk_leaves_the_one_before(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, checkpoint.State({"w": {"a": torch.ones(10)}}))
    large = checkpoint.State({"w": {"a": torch.zeros(10_000)}})
    with (
        small_disk(4096),
        pytest.raises(UserError, match=r"w\.safetensors: cannot be written .File"),
    ):
        checkpoint.save(tmp_path, 2, large)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["000001", "latest"]
    assert torch.equal(checkpoint.load(tmp_path).tensors["w"]["a"], torch.ones(10))
