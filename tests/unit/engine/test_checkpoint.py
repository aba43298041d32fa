"""Checkpoints come back exactly, survive an interruption at any point, and say when they are damaged."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor

from audionas.core.errors import UserError
from audionas.engine import checkpoint
from audionas.engine.checkpoint import State


def state(value: float = 1.0) -> State:
    base = torch.arange(12.0).reshape(3, 4) * value
    tensors: dict[str, Tensor] = {
        "whole": base,
        "turned": base.t(),  # not contiguous
        "part": base[1],  # shares memory
        "count": torch.tensor(7),
        "half": torch.tensor([0.1, float("inf"), -0.0], dtype=torch.bfloat16),
        "empty": torch.zeros(0, 3),
    }
    return State({"weights": tensors, "nothing": {}}, {"accuracies": [0.5, 1 / value], "updates": 3})


def same(a: State, b: State) -> bool:
    return (
        a.tensors.keys() == b.tensors.keys()
        and all(a.tensors[g].keys() == b.tensors[g].keys() for g in a.tensors)
        and all(
            torch.equal(t, b.tensors[g][n]) and t.dtype == b.tensors[g][n].dtype
            for g in a.tensors
            for n, t in a.tensors[g].items()
        )
        and all(b.plain[key] == value for key, value in a.plain.items())
    )


def test_a_state_comes_back_exactly(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "ckpt", 3, state())
    assert checkpoint.latest(tmp_path / "ckpt") == 3
    found = checkpoint.load(tmp_path / "ckpt")
    assert same(state(), found)
    assert found.plain["epoch"] == 3


def test_saving_copies_and_leaves_the_tensors_alone(tmp_path: Path) -> None:
    kept = state()
    checkpoint.save(tmp_path, 1, kept)
    kept.tensors["weights"]["whole"].add_(1)
    assert same(state(), checkpoint.load(tmp_path))


def test_only_the_newest_is_kept(tmp_path: Path) -> None:
    for epoch in (1, 2, 10):
        checkpoint.save(tmp_path, epoch, state(epoch))
    assert sorted(f.name for f in tmp_path.iterdir()) == ["000010", "latest"]
    assert same(state(10), checkpoint.load(tmp_path))


def test_a_users_folders_beside_checkpoints_stay(tmp_path: Path) -> None:
    ours, theirs = ["000001", ".000007.draft", "000009"], ["best", ".draft", "000001.bak"]
    for name in (*ours, *theirs):
        (tmp_path / name).mkdir()
        (tmp_path / name / "state.json").write_text("{}")
    (tmp_path / "000005").symlink_to(tmp_path / "best")
    checkpoint.save(tmp_path, 2, state())
    assert {f.name for f in tmp_path.iterdir()} == {"latest", "000002", "000005", *theirs}
    assert (tmp_path / "best" / "state.json").exists()


def test_no_checkpoint_is_epoch_0(tmp_path: Path) -> None:
    assert checkpoint.latest(tmp_path) == 0
    assert checkpoint.latest(tmp_path / "nowhere") == 0


def interruptions(after: Path, before: Path, folder: Path) -> list[Path]:
    """What a process that is killed while it saves epoch 2 can leave: one folder a moment."""
    moments = []

    def moment(name: str) -> Path:
        moments.append(folder / name)
        shutil.copytree(before, moments[-1])
        return moments[-1]

    draft = after / "000002"
    (moment("an empty draft") / ".000002.draft").mkdir()
    part = moment("half a file") / ".000002.draft"
    part.mkdir()
    (part / "weights.safetensors").write_bytes((draft / "weights.safetensors").read_bytes()[:50])
    shutil.copytree(draft, moment("a whole draft") / ".000002.draft")
    shutil.copytree(draft, moment("renamed, not yet the latest") / "000002")
    return moments


def test_killed_before_the_end_the_old_one_counts_and_saving_goes_on(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "before", 1, state(1))
    shutil.copytree(tmp_path / "before", tmp_path / "after")
    checkpoint.save(tmp_path / "after", 2, state(2))
    for folder in interruptions(tmp_path / "after", tmp_path / "before", tmp_path / "moments"):
        assert checkpoint.latest(folder) == 1, folder.name
        assert same(state(1), checkpoint.load(folder)), folder.name
        checkpoint.save(folder, 2, state(3))
        assert same(state(3), checkpoint.load(folder)), folder.name
        assert sorted(f.name for f in folder.iterdir()) == ["000002", "latest"], folder.name


def test_killed_after_the_end_the_new_one_counts(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 2, state(2))
    shutil.copytree(tmp_path / "000002", tmp_path / "000001")  # killed before it was forgotten
    assert same(state(2), checkpoint.load(tmp_path))
    checkpoint.save(tmp_path, 3, state(3))
    assert sorted(f.name for f in tmp_path.iterdir()) == ["000003", "latest"]


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-5])


def without_groups(file: Path) -> None:
    file.write_text(json.dumps({"epoch": 1}), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("000001/weights.safetensors", cut),
        ("000001/weights.safetensors", lambda f: f.write_bytes(b"")),
        ("000001/weights.safetensors", lambda f: f.write_bytes(b"\xff" * 64)),
        ("000001/weights.safetensors", Path.unlink),
        (
            "000001/weights.safetensors",
            lambda f: f.write_bytes((raw := f.read_bytes())[:-1] + bytes([raw[-1] ^ 1])),
        ),
        ("000001/state.json", lambda f: f.write_text(f.read_text().replace('"epoch": 1', '"epoch": 2'))),
        ("000001/state.json", cut),
        ("000001/state.json", Path.unlink),
        ("000001/state.json", without_groups),
        ("000001/state.json", lambda f: f.write_text("[]")),
        ("latest", lambda f: f.write_text("")),
        ("latest", lambda f: f.write_text("newest\n")),
        ("latest", lambda f: f.write_text("000009\n")),
    ],
)
def test_damage_is_the_users_to_fix_and_named(tmp_path: Path, file: str, damage: object) -> None:
    checkpoint.save(tmp_path, 1, state())
    damage(tmp_path / file)  # type: ignore[operator]
    with pytest.raises(UserError, match=str(tmp_path)):
        checkpoint.load(tmp_path)


class Net:
    """What has two groups and a value to bring back."""

    def restore(self, state: State) -> None:
        """Read all of it."""
        torch.nn.Linear(4, 3).load_state_dict(
            {"weight": state.tensors["weights"]["whole"], "bias": torch.zeros(3)}
        )
        assert state.tensors["alphas"]
        assert [1.0][int(state.plain["stage"])] == 1.0


def test_a_checkpoint_that_lacks_something_or_is_of_another_network_is_an_error_of_the_user(
    tmp_path: Path,
) -> None:
    good = state()
    good.tensors["alphas"], good.plain["stage"] = {"a": torch.ones(1)}, 0
    checkpoint.save(tmp_path, 1, good)
    checkpoint.restore(Net(), tmp_path)
    lacking = {"weights": "it has no 'weights'", "alphas": "it has no 'alphas'", "stage": "it has no 'stage'"}
    for epoch, (name, said) in enumerate(lacking.items(), 2):
        kept = {group: named for group, named in good.tensors.items() if group != name}
        checkpoint.save(tmp_path, epoch, State(kept, {k: v for k, v in good.plain.items() if k != name}))
        with pytest.raises(UserError, match=f"{epoch:06d}: the run cannot resume .*: {said}") as caught:
            checkpoint.restore(Net(), tmp_path)
        assert "--overwrite" in caught.value.hint
    for stage in (9, None, "x"):
        checkpoint.save(tmp_path, 9, State(good.tensors, {**good.plain, "stage": stage}))
        with pytest.raises(UserError, match=r"cannot resume|state\.json: stage: "):
            checkpoint.restore(Net(), tmp_path)
    checkpoint.save(tmp_path, 10, State({**good.tensors, "weights": {"whole": torch.ones(2, 2)}}, good.plain))
    with pytest.raises(UserError, match="cannot resume"):
        checkpoint.restore(Net(), tmp_path)
    with pytest.raises(UserError, match="it has no best, average"):
        checkpoint.load(tmp_path, ["weights", "best", "average"])


def test_too_little_memory_is_not_a_damaged_checkpoint(tmp_path: Path) -> None:
    class Large:
        """What does not fit into memory."""

        def restore(self, state: State) -> None:
            """Ask for an exbibyte."""
            torch.empty(1 << 60)

    checkpoint.save(tmp_path, 1, state())
    with pytest.raises(RuntimeError, match="allocate"):
        checkpoint.restore(Large(), tmp_path)
