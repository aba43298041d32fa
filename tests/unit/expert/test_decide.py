"""Decisions follow from facts, and say why."""

import pytest

from audionas.expert import decide
from audionas.expert.facts import Facts


def given(labels: dict[str, int], *, speakers: int = 12, seconds: float = 0.9) -> Facts:
    """Facts with these labels."""
    return Facts(labels, "/(?P<speaker>[^_/]+)_[^/]*$" if speakers else "", speakers, seconds, seconds, 1.0)


@pytest.mark.parametrize(
    ("labels", "seconds", "task"),
    [
        ({"yes": 5, "no": 5}, 0.9, "keywords"),
        ({"yes": 5, "_other_": 5}, 0.9, "wake_word"),
        ({"yes": 5}, 3.9, "wake_word"),
        ({"yes": 5, "no": 5, "_silence_": 5}, 3.9, "keywords"),
        ({"park": 5, "tram": 5}, 4.0, "scenes"),
        ({"park": 5}, 10.0, "scenes"),
    ],
)
def test_labels_and_lengths_tell_the_task(labels: dict[str, int], seconds: float, task: str) -> None:
    assert decide.task(given(labels, seconds=seconds)).value == task


@pytest.mark.parametrize(("speakers", "by_speaker", "warned"), [(12, True, False), (9, True, True)])
def test_speakers_split_the_clips(speakers: int, by_speaker: bool, warned: bool) -> None:
    found = decide.split(given({"yes": 50}, speakers=speakers))
    assert (bool(found.value), bool(found.warning)) == (by_speaker, warned)


@pytest.mark.parametrize("speakers", [0, 2])
def test_too_few_speakers_split_by_recording_with_a_warning(speakers: int) -> None:
    found = decide.split(given({"yes": 50}, speakers=speakers))
    assert found.value == ""
    assert "accuracy on new voices stays unknown" in found.warning


@pytest.mark.parametrize(
    ("longest", "clip"), [(0.6, 1.0), (1.0, 1.0), (1.1, 1.5), (1.5, 1.5), (5.2, 5.5), (60.0, 10.0)]
)
def test_a_clip_holds_what_most_recordings_hold(longest: float, clip: float) -> None:
    assert decide.seconds(given({"yes": 5}, seconds=longest)).value == clip


@pytest.mark.parametrize(
    ("minutes", "clips", "searched"), [(19.9, 10_000, False), (20, 99, False), (20, 100, True)]
)
def test_a_search_needs_time_and_clips(minutes: float, clips: int, searched: bool) -> None:
    assert decide.search(minutes, clips).value is searched


@pytest.mark.parametrize(
    ("positives", "negatives", "spoken"), [(499, True, True), (500, True, False), (500, False, True)]
)
def test_voices_speak_where_recordings_are_few(positives: int, negatives: bool, spoken: bool) -> None:
    assert bool(decide.spoken(positives, negatives, 60).value) is spoken


def test_voices_speak_less_in_less_time() -> None:
    assert [decide.spoken(0, True, minutes).value for minutes in (0.5, 6, 60, 600)] == [10, 60, 600, 600]


def test_the_target_is_what_the_hours_can_show() -> None:
    assert decide.rate(0.5, 6.0) == (0.5, "6.00 hours of other sound can show it", "")
    short = decide.rate(0.5, 1.5)
    assert short.value == 2.0
    assert "0.5 false accepts per hour cannot be measured on 1.50 hours" in short.warning


def test_the_rest_has_its_share_or_what_a_slow_machine_needs() -> None:
    assert [decide.rest(90, 15, slow).value for slow in (0.5, 1, 6, 10)] == [90, 90, 90, 150]


def test_as_many_networks_are_tried_as_get_a_trial_worth_comparing() -> None:
    paces = {"a": 2.0, "b": 1.0, "c": 4.0}
    assert decide.tried(paces, 15).value == ["a"]
    assert decide.tried(paces, 32).value == ["a", "b"]  # 16 s each: 8 epochs of the slower one
    assert decide.tried(paces, 31).value == ["a"]
    assert decide.tried(paces, 96).value == ["a", "b", "c"]
    assert decide.tried(paces, 0.1).value == ["a"]  # one there must be


def test_the_best_on_development_clips_is_chosen_and_of_equal_ones_the_first() -> None:
    accuracies = {"small": 0.5, "wide": 0.75, "wider": 0.75}
    found = decide.choice({name: {"valid_accuracy": value} for name, value in accuracies.items()})
    assert found.value == "wide"
    assert "small 50.0%, wide 75.0%, wider 75.0%" in found.why


def test_a_wake_word_is_chosen_by_what_it_hears_where_little_else_fires() -> None:
    figures = {
        "deaf": {"valid_average_viable_recall": 0.0, "valid_accuracy": 0.99},
        "quick": {"valid_average_viable_recall": 0.4, "valid_accuracy": 0.90},
        "wide": {"valid_average_viable_recall": 0.4, "valid_accuracy": 0.95},
    }
    found = decide.choice(figures, decide.VIABLE)
    assert found.value == "wide"
    assert "average viable recall and accuracy of the trials: deaf 0.0% and 99.0%" in found.why
    assert (
        decide.choice(
            {name: {**row, "valid_average_viable_recall": 0.0} for name, row in figures.items()}
        ).value
        == "deaf"
    )


def test_epochs_are_chosen_by_continuous_sound_where_there_is_any() -> None:
    assert decide.kept(word=True, hours=0.5).value == decide.VIABLE
    assert "0.50 hours" in decide.kept(word=True, hours=0.5).why
    assert [decide.kept(word=word, hours=hours).value for word, hours in ((False, 0.5), (True, 0.0))] == [
        "accuracy"
    ] * 2


def test_continuous_sound_is_heard_in_so_many_windows_at_most() -> None:
    assert decide.ambient(0.1).value == 0.1
    for hours in (0.3, 1.0, 7.3, 100.0):
        assert 3600 * hours / decide.ambient(hours).value <= decide.WINDOWS


def test_false_accepts_are_collected_where_there_is_sound_and_time() -> None:
    assert decide.mine("train_long", 1.0, 1.0, 540).value == "train_long"
    assert decide.mine("train_long", 1.0, 10.0, 540).value == ""
    assert "more than half" in decide.mine("train_long", 10.0, 1.0, 540).why
    assert decide.mine("train_long", 0.0, 1.0, 540) == ("", decide.mine("train_long", 0.0, 1.0, 540).why, "")


def test_epochs_that_do_not_fit_after_slow_trials_are_left_out() -> None:
    assert decide.shortened(40, 2.0, 1.0, 80.0) is None
    shorter = decide.shortened(40, 2.0, 2.0, 80.0)
    assert shorter is not None
    assert shorter.value == 20
    assert "2.0 times as long" in shorter.why
    late = decide.shortened(40, 2.0, 2.0, -5.0)
    assert late is not None
    assert late.value == 1


def test_quick_trials_give_no_more_epochs_than_planned() -> None:
    assert decide.shortened(40, 2.0, 0.5, 800.0) is None


def test_with_few_speakers_the_last_training_hears_those_of_dev() -> None:
    assert decide.few("keywords", 5, "pattern").value is True
    assert decide.few("keywords", 10, "pattern").value is False
    assert decide.few("keywords", 5, "").value is False  # by recording: dev has the voices of train already
    assert decide.few("scenes", 5, "pattern").value is False
    assert decide.refit(few=True, tuned=False).value is True
    assert decide.refit(few=True, tuned=True).value is False  # thresholds need voices that are new
    assert decide.refit(few=False, tuned=False).value is False


def test_with_few_speakers_loudness_equaliser_and_noise_are_drawn_widely() -> None:
    few, many = decide.surroundings("keywords", 5).value, decide.surroundings("keywords", 10).value
    assert few["gain_db"][0] < many["gain_db"][0] < 0
    assert {"equaliser_db", "colour_snr_db"} <= {*few} - {*many}
    assert decide.surroundings("scenes", 5).value == many
    assert decide.surroundings("keywords", 0).value == many  # unknown voices are not few


def test_with_few_speakers_a_network_that_knows_voices_has_all_the_time() -> None:
    inits = {"shipped": "kws12", "small": "", "large": ""}
    assert decide.knowing(inits, True).value == ["shipped"]
    assert decide.knowing(inits, False).value == [*inits]
    assert decide.knowing({"small": "", "large": ""}, True).value == ["small", "large"]
