"""The door between YAML and dataclasses: strict keys, every problem at once with its path, one base."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from audionas.config import Config, dump, load
from audionas.core.errors import UserError
from audionas.core.registry import names
from audionas.engine.conf import Search, Train

FULL = """
name: full
seed: 3
data: {train: a/train, dev: a/dev}
augment: {shift_ms: 100, noise: a/noise, speed: [0.9, 1.1]}
spec_augment: {freq_masks: 1, freq_width: 4}
features: {name: logmel, preset: bc_resnet, n_mels: 32}
space: {name: kws_tc_resnet, width: 0.5}
method: {name: noisy_darts, std: 0.3, cost: {name: macs, weight: 0.2, target: 4.0e5}}
search: {epochs: 3, optim: {lr: 0.05, schedule: step, milestones: [1, 2]}}
train: {epochs: 4, optim: {warmup_epochs: 1}}
limits: {weight_bytes: 131072, macs: 30e6}
"""
VISION = """
images: {path: cifar-10-binary.tar.gz, dev: 0, cutout: 16, jitter: [0.4, 0.4, 0.4, 0.2], area: [0.1, 1]}
space: {name: darts_cell}
method: {name: fair_darts}
search: {layers: 8, channels: 16}
train: {layers: 20, channels: 36, auxiliary: 0.4, drop_path: 0.2}
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def problems(tmp_path: Path, text: str, *overrides: str) -> list[str]:
    """What `load` complains of, without the line that counts."""
    path = write(tmp_path / "conf.yaml", text)
    with pytest.raises(UserError) as caught:
        load(path, overrides)
    assert str(path) in str(caught.value)
    return [p.strip() for p in caught.value.problems[1:]]


def test_an_empty_file_is_all_defaults_and_named_after_itself(tmp_path: Path) -> None:
    conf = load(write(tmp_path / "mine.yaml", ""))
    assert conf.general.name == "mine"
    assert conf.folder == Path("exp/mine")
    assert (conf.search, conf.train) == (Search(), Train())
    assert conf.features is None
    assert conf.space is None
    assert conf.method is None


def test_values_arrive(tmp_path: Path) -> None:
    conf = load(write(tmp_path / "x.yaml", FULL))
    assert (conf.general.name, conf.general.seed) == ("full", 3)
    assert conf.augment.speed == (0.9, 1.1)
    assert conf.features is not None
    assert conf.features.n_mels == 32
    assert (conf.space.name, conf.space.width) == ("kws_tc_resnet", 0.5)
    assert (conf.method.std, conf.method.cost.target) == (0.3, 4e5)
    assert conf.search.optim.milestones == (1.0, 2.0)


@pytest.mark.parametrize("text", ["1e-3", "1.0e-3", "0.001", "'1e-3'", "1E-3"])
def test_a_small_number_is_a_number_however_it_is_written(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "x.yaml", f"train: {{optim: {{lr: {text}}}}}")
    assert load(path).train.optim.lr == 1e-3
    assert load(path, [f"train.optim.lr={text}"]).train.optim.lr == 1e-3


def test_every_problem_is_told_at_once_with_its_path_and_the_nearest_key(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """
sede: 1
threads: many
data: {trian: x}
augment: {shift_ms: far}
space: {name: kws_tc_resnet, widht: 0.5}
method: {name: noisy_darts, noise: pink}
search: {epochs: many, optim: {schedul: step}}
train: 3
""",
    )
    starts = {
        "sede: unknown key. Did you mean 'seed'?",
        "threads: ",
        "data.trian: unknown key. Did you mean 'train'?",
        "augment.shift_ms: ",
        "space.widht: unknown key. Did you mean 'width'?",
        "method.noise: ",
        "search.epochs: ",
        "search.optim.schedul: unknown key. Did you mean 'schedule'?",
        "train: expected keys and values, got 3",
    }
    assert {s for s in starts if any(p.startswith(s) for p in found)} == starts
    assert len(found) == len(starts)


def test_the_count_of_problems_leads(tmp_path: Path) -> None:
    for text, count in (("a: 1", "1 problem"), ("a: 1\nb: 2", "2 problems")):
        path = write(tmp_path / "x.yaml", text)
        with pytest.raises(UserError) as caught:
            load(path)
        assert caught.value.problems[0] == f"{path}: {count}"


@pytest.mark.parametrize(
    ("override", "start"),
    [
        ("method.cost.weigth=1", "method.cost.weigth: unknown key. Did you mean 'weight'?"),
        ("method.cost.weight=heavy", "method.cost.weight: "),
        ("method.cost.name=flops", "method.cost.name: "),
        ("method.cost=3", "method.cost: "),
        ("method.nois=gaussian", "method.nois: unknown key. Did you mean 'noise'?"),
        ("method.alpha_betas=[0.5]", "method.alpha_betas"),
        (
            "method.warmup_epochs=15",
            "method.warmup_epochs: an earlier version's key. Write warmup, the share",
        ),
        ("search.optim.lr=fast", "search.optim.lr: "),
        ("search.optim.milestones=[a, 2]", "search.optim.milestones.0: "),
        ("search.epochs=2.5", "search.epochs: "),
        ("search.epochs=null", "search.epochs: "),
        ("search.epochs=[1]", "search.epochs: "),
        ("features.prest=x", "features.prest: unknown key. Did you mean 'preset'?"),
        ("space.se=sometimes", "space.se: "),
        ("device=gpu", "device: "),
        ("name=null", "name: "),
        ("seed=2026-01-01", "seed: "),
        ("data.resample=perhaps", "data.resample: "),
    ],
)
def test_wrong_keys_and_types_are_named_with_their_whole_path(
    tmp_path: Path, override: str, start: str
) -> None:
    assert [p for p in problems(tmp_path, FULL, override) if p.startswith(start)]


@pytest.mark.parametrize(
    ("override", "word"),
    [
        ("search.epochs=0", "search.epochs"),
        ("train.batch_size=-1", "train.batch_size"),
        ("search.split=1", "search.split"),
        ("search.optim.lr=-1", "lr"),
        ("search.optim.lr=.nan", "lr"),
        ("train.optim.clip=0", "clip"),
        ("train.ema=2", "train.ema"),
        ("data.seconds=0", "data.seconds"),
        ("data.seconds=.inf", "data.seconds"),
        ("threads=0", "threads"),
        ("seed=-1.5", "seed"),
        ("space.width=0", "width"),
        ("space.width=-1", "width"),
        ("space.width=.nan", "width"),
        ("method.std=-1", "std"),
        ("method.alpha_lr=-1", "alpha_lr"),
        ("method.alpha_betas=[2, 3]", "alpha_betas"),
        ("method.warmup=1", "warmup is 1, expected a share of the search"),
        ("method.cost.weight=-1", "weight"),
        ("method.cost.target=0", "target"),
        ("augment.noise_probability=2", "noise_probability"),
        ("augment.shift_ms=-1", "shift_ms"),
        ("augment.speed=[1.1, 0.9]", "speed"),
        ("spec_augment.freq_masks=-1", "freq_masks"),
        ("features.n_mels=-1", "n_mels"),
        ("features.preset=nothing", "preset"),
        ("features.name=nothing", "features"),
        ("features.f_max=9000", "f_max"),
        ("name=''", "name"),
    ],
)
def test_impossible_values_are_refused_before_anything_runs(tmp_path: Path, override: str, word: str) -> None:
    assert [p for p in problems(tmp_path, FULL, override) if word in p]


def test_an_impossible_value_does_not_hide_other_problems(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        "data: {secnds: 1}\nsearch: {epochs: 0, batch_size: 0}\nspace: {name: nothing}\n"
        "train: {epochs: many, optim: {lr: -1}}\n",
    )
    for word in ("data.secnds", "search.epochs", "search.batch_size", "train.epochs", "lr", "space.name"):
        assert [p for p in found if word in p], word


@pytest.mark.parametrize("section", ["space", "method"])
def test_a_section_chosen_by_name_needs_a_known_one(tmp_path: Path, section: str) -> None:
    known = names(section)[0]
    assert problems(tmp_path, f"{section}: {{}}") == [
        f"{section}.name: missing; see: audionas list {section}s"
    ]
    assert problems(tmp_path, f"{section}: {{name: 3}}")[0].startswith(f"{section}.name")
    near = problems(tmp_path, f"{section}: {{name: {known}x}}")[0]
    assert near.startswith(f"{section}.name: no {section} called '{known}x'. Did you mean '{known}'?")


@pytest.mark.parametrize("section", ["space", "method"])
def test_a_class_of_another_kind_is_refused(tmp_path: Path, section: str) -> None:
    found = problems(tmp_path, f"{section}: {{name: 'collections:OrderedDict'}}")
    assert found == [f"{section}.name: collections:OrderedDict is not a {section.title()}"]


# Inheritance and overrides


def based(tmp_path: Path, base: str, text: str) -> Config:
    write(tmp_path / "base.yaml", base)
    return load(write(tmp_path / "top.yaml", f"base: base.yaml\n{text}"))


def test_a_config_changes_its_base(tmp_path: Path) -> None:
    conf = based(tmp_path, FULL, "name: mine\nsearch: {epochs: 9}\nmethod: {std: 0.1}\n")
    assert (conf.general.name, conf.general.seed) == ("mine", 3)
    assert conf.search.epochs == 9
    assert conf.search.optim.milestones == (1.0, 2.0)
    assert (conf.method.std, conf.method.cost.weight) == (0.1, 0.2)


def test_the_base_lies_beside_the_config_whatever_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "conf").mkdir()
    write(tmp_path / "base.yaml", "seed: 5")
    write(tmp_path / "conf" / "top.yaml", "base: ../base.yaml")
    monkeypatch.chdir(tmp_path)
    assert load("conf/top.yaml").general.seed == 5


def test_another_name_replaces_the_section(tmp_path: Path) -> None:
    conf = based(tmp_path, FULL, "method: {name: darts}\nspace: {name: kws_mobilenet}\n")
    assert conf.method.cost is None
    assert type(conf.method).__name__ == "Darts"
    assert conf.space.width == type(conf.space)().width


def test_another_name_by_override_replaces_the_section_too(tmp_path: Path) -> None:
    path = write(tmp_path / "x.yaml", FULL)
    conf = load(path, ["method.name=fair_darts", "method.alpha_lr=0.01"])
    assert (type(conf.method).__name__, conf.method.alpha_lr, conf.method.cost) == ("FairDarts", 0.01, None)
    assert load(path, ["method.name=noisy_darts"]).method.std == 0.3  # the same name keeps the rest


def test_inheritance_is_one_level_only(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", "seed: 1")
    write(tmp_path / "b.yaml", "base: a.yaml")
    with pytest.raises(UserError, match="names another base"):
        load(write(tmp_path / "c.yaml", "base: b.yaml"))
    with pytest.raises(UserError, match="names another base"):
        load(write(tmp_path / "d.yaml", "base: d.yaml"))


@pytest.mark.parametrize("base", ["nowhere.yaml", "3", "[a]", "null", "{a: 1}", "."])
def test_a_base_that_is_no_config_is_named(tmp_path: Path, base: str) -> None:
    with pytest.raises(UserError, match=r"cannot be read|base"):
        load(write(tmp_path / "x.yaml", f"base: {base}"))


def test_overrides_come_last_and_in_order(tmp_path: Path) -> None:
    path = write(tmp_path / "x.yaml", FULL)
    conf = load(path, ["seed=4", "seed=5", "search.optim.lr=0.5", "augment.speed=[0.8, 1.2]", "out=there"])
    assert (conf.general.seed, conf.search.optim.lr, conf.augment.speed) == (5, 0.5, (0.8, 1.2))
    assert conf.search.optim.milestones == (1.0, 2.0)
    assert conf.folder == Path("there/full")


def test_a_value_may_hold_an_equals_sign(tmp_path: Path) -> None:
    assert load(write(tmp_path / "x.yaml", ""), ["data.train=a=b"]).data.train == "a=b"


@pytest.mark.parametrize(
    "override",
    ["seed", "", "=3", "search..epochs=3", ".seed=3", "seed.=3", "--seed", "seed=[1", "seed={a: 1"],
)
def test_what_is_no_override_is_named(tmp_path: Path, override: str) -> None:
    with pytest.raises(UserError) as caught:
        load(write(tmp_path / "x.yaml", ""), [override])
    assert f"'{override}'" in str(caught.value)


def test_an_override_below_a_plain_value_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, "seed: 3", "seed.x=1")[0].startswith("seed")


# Files that are no config


@pytest.mark.parametrize(
    "content",
    [
        b"a: [1",
        b"a: 1\n b: 2",
        b"\tseed: 3",
        b"seed: 1\nseed: 2",
        b"search: {epochs: 1, epochs: 2}",
        b"? [a, b]\n: 1",
        b"{a: 1}: 2",
        b"- 1\n- 2",
        b"only words",
        b"3",
        b"\xff\xfe\x00\x01",
        b"seed: !!python/object/apply:os.system ['false']",
        b"seed: *nothing",
        b"data: {1: 2}",
        b"data: {true: 2}",
        b"1: 2",
        b"seed: &a [*a]",
    ],
)
def test_what_is_no_config_is_refused_with_its_path(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=str(path)):
        load(path)


def test_a_key_given_twice_names_the_key_and_its_line(tmp_path: Path) -> None:
    path = write(tmp_path / "x.yaml", "seed: 1\nname: a\nseed: 2\n")
    with pytest.raises(UserError, match=r"(?s)key 'seed' appears twice.*line 3"):
        load(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.yaml", tmp_path):
        with pytest.raises(UserError, match=str(path)):
            load(path)


# Images or recordings


@pytest.mark.parametrize("section", ["data", "features", "augment", "spec_augment"])
def test_images_and_a_section_about_recordings_exclude_each_other(tmp_path: Path, section: str) -> None:
    (problem,) = problems(tmp_path, f"images: {{path: x.npz}}\n{section}: {{}}")
    assert problem == f"images: a run reads images or recordings, not both; leave out images, or {section}"


def test_all_excluded_sections_are_named_beside_other_problems(tmp_path: Path) -> None:
    found = problems(tmp_path, "images: {path: x, flipp: 1}\ndata: {}\nfeatures: {}")
    assert found[0] == "images.flipp: unknown key. Did you mean 'flip'?"
    assert found[1].endswith("leave out images, or data, features")


def test_images_need_their_path_and_are_none_where_recordings_are_read(tmp_path: Path) -> None:
    assert load(write(tmp_path / "x.yaml", "seed: 1")).images is None
    (problem,) = problems(tmp_path, "images: {}")
    assert problem.startswith("images.path:")


def test_a_base_of_recordings_can_be_turned_to_images(tmp_path: Path) -> None:
    write(tmp_path / "base.yaml", "data: {train: a}\nsearch: {epochs: 3}")
    conf = load(write(tmp_path / "x.yaml", "base: base.yaml\ndata:\nimages: {path: x}"))
    assert conf.images is not None
    assert "data" not in conf.resolved()


# Resolved configs


def without_raw(conf: Config) -> dict[str, Any]:
    return {k: v for k, v in vars(conf).items() if k != "raw"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        FULL,
        VISION,
        *(f"method: {{name: {m}}}" for m in names("method")),
        *(f"space: {{name: {s}}}" for s in names("space")),
    ],
)
def test_the_resolved_config_says_everything_and_reads_back_equal(tmp_path: Path, text: str) -> None:
    conf = load(write(tmp_path / "first.yaml", text))
    again = load(write(tmp_path / "second.yaml", dump(conf.resolved())))
    assert without_raw(again) == without_raw(conf)
    assert again.resolved() == conf.resolved()
    assert yaml.safe_load(dump(conf.resolved())) == conf.resolved()


def test_the_resolved_config_holds_defaults_too(tmp_path: Path) -> None:
    resolved = load(write(tmp_path / "x.yaml", "method: {name: darts}")).resolved()
    assert resolved["search"]["epochs"] == Search().epochs
    assert resolved["method"]["name"] == "darts"
    assert "alpha_lr" in resolved["method"]
    assert "space" not in resolved
