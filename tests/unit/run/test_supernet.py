"""What a search says of its supernet: which norms are bare, and whether alpha's half is augmented."""

from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from audionas.config import load
from audionas.core.reporter import Reporter
from audionas.inputs.feed import open_inputs
from audionas.run.supernet import augments_alpha, halves, preparers, search_run
from tests.unit.images._images import npz

TINY = {
    "name": "tiny",
    "device": "cpu",
    "images": {"padding": 2, "dev": 0.2},
    "space": {"name": "mix_mobilenet", "width": 0.25},
    "search": {"batch_size": 8},
}


def conf_of(folder: Path, method="darts", **search):
    images = {**TINY["images"], "path": str(npz(folder / "tiny.npz", side=8))}
    plain = {**TINY, "images": images, "method": {"name": method}, "search": {**TINY["search"], **search}}
    (folder / "conf.yaml").write_text(yaml.safe_dump(plain))
    return load(folder / "conf.yaml")


def last_norms(folder, method, **search):
    """Whether the norms that end the options of a supernet have affine parameters."""
    conf = conf_of(folder, method, **search)
    inputs = open_inputs(conf, None, Reporter(quiet=True))
    with torch.device("meta"):
        net = search_run(conf, inputs, torch.device("meta")).net
    norms = [m for n, m in net.named_modules() if ".norm" in n and isinstance(m, nn.BatchNorm2d)]
    assert norms
    (affine,) = {norm.affine for norm in norms}
    return affine


@pytest.mark.laws
@pytest.mark.parametrize(
    ("method", "search", "affine"),
    [
        ("darts", {}, False),
        ("snas", {}, False),
        ("gdas", {}, True),
        ("mix_path", {}, True),
        ("darts", {"affine": True}, True),
        ("gdas", {"affine": False}, False),
        ("mix_path", {"affine": False}, False),
    ],
)
def test_options_end_in_bare_norms_where_a_method_mixes_or_a_config_says_so(tmp_path, method, search, affine):
    assert last_norms(tmp_path, method, **search) == affine


@pytest.mark.parametrize(("asked", "augmented"), [({}, True), ({"augment_alpha": False}, False)])
def test_alphas_half_of_images_is_augmented_unless_a_config_says_no(tmp_path, asked, augmented):
    """With augmentation the same batch is prepared in two ways."""
    conf = conf_of(tmp_path, **asked)
    assert augments_alpha(conf) == augmented
    inputs = open_inputs(conf, None, Reporter(quiet=True))
    _, valid = halves(conf, inputs, Reporter(quiet=True))
    _, prepare = preparers(conf, inputs, torch.device("cpu"))
    batch = next(iter(valid.epoch(0)))
    assert torch.equal(prepare(batch).x, prepare(batch).x) != augmented
    valid.close()
