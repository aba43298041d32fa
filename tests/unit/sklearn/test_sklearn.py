"""`KeywordClassifier` keeps scikit-learn's rules, but those that fit waveforms of three samples."""

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.model_selection import cross_val_score
from sklearn.utils import estimator_checks

import audionas
from audionas.sklearn import KeywordClassifier

CHECKS = (  # the others fit waveforms that are shorter than one frame of a front-end
    *("check_no_attributes_set_in_init", "check_parameters_default_constructible"),
    *("check_get_params_invariance", "check_set_params", "check_estimator_cloneable", "check_estimator_repr"),
    *("check_mixin_order", "check_estimators_unfitted", "check_supervised_y_no_nan", "check_complex_data"),
    *("check_estimators_empty_data_messages", "check_fit1d", "check_classifiers_one_label"),
    *("check_classifiers_regression_target", "check_requires_y_none", "check_estimator_sparse_tag"),
)
RATE, SAMPLES = 16_000, 8_000


def tones(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Waveforms (count, SAMPLES) of two pitches, their labels, and groups of four rows."""
    rng = np.random.default_rng(seed)
    high = np.arange(count) % 2
    t = np.arange(SAMPLES) / RATE
    waves = 0.3 * np.sin(2 * np.pi * np.where(high, 2500, 300)[:, None] * t)
    return (
        waves + 0.01 * rng.standard_normal((count, SAMPLES)),
        np.array(["low", "high"])[high],
        np.arange(count) // 4,
    )


def small(**more: object) -> KeywordClassifier:
    return KeywordClassifier(epochs=4, settings={"threads": 1, "train": {"batch_size": 8}}, **more)


@pytest.mark.filterwarnings("ignore")  # scikit-learn's own, about the values that its checks make
@pytest.mark.parametrize("check", [name for name in CHECKS if hasattr(estimator_checks, name)])
def test_a_rule_of_scikit_learn(check: str) -> None:
    getattr(estimator_checks, check)("KeywordClassifier", small())


def test_it_is_a_classifier_whose_parameters_are_copied() -> None:
    made = small(arch="bc_resnet1", random_state=3)
    assert is_classifier(made)
    assert clone(made).get_params() == made.get_params()
    assert made.set_params(epochs=7).epochs == 7


def test_16_bit_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="full scale is 1"):
        small().fit(np.full((4, SAMPLES), 1000.0), ["a", "b", "a", "b"])


@pytest.mark.story
def test_it_learns_two_pitches_and_leaves_nothing(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    waves, words, groups = tones(32)
    found = small().fit(waves, words, groups=groups)
    new, truth, _ = tones(16, seed=1)
    assert found.score(new, truth) > 0.8
    chances = found.predict_proba(new)
    assert chances.sum(1) == pytest.approx(1)
    assert (found.classes_[chances.argmax(1)] == found.predict(new)).all()
    assert isinstance(found.model_, audionas.Model)
    assert list(tmp_path.iterdir()) == []
    assert found.model_.cost()["arch"] == found.model_.bundle.spec.id
    assert capfd.readouterr() == ("", "")
    with pytest.raises(ValueError, match="expecting 8000 features"):
        found.predict(new[:, :-1])


@pytest.mark.story
def test_groups_are_never_parted(tmp_path: object) -> None:
    waves, words, groups = tones(32)
    small(folder=tmp_path, dev=0.25).fit(waves, words, groups=[f"anna {g}" for g in groups])
    data = audionas.Dataset(tmp_path / "data").splits
    speakers = [{item.speaker for item in data[split]} for split in ("train", "dev")]
    assert [*map(len, speakers)] == [6, 2]
    assert not speakers[0] & speakers[1]


@pytest.mark.story
def test_it_is_validated_as_any_estimator() -> None:
    waves, words, _ = tones(48)
    assert cross_val_score(small(), waves, words, cv=2).shape == (2,)
    numbers = (words == "high").astype(int)
    assert small().fit(waves, numbers).predict(waves[:2]).dtype == numbers.dtype
