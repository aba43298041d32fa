"""The decisions of an expert: each a pure function from facts to a value, with the reason in a sentence."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from audionas.core.reporter import amount
from audionas.expert.clock import epochs
from audionas.expert.devices import Device
from audionas.expert.facts import Facts

SCENE = 4.0  # seconds: clips as long are no words
SEARCHED = 20.0  # minutes: below, a search has no time
FEW_CLIPS = 300  # after augmentation: too few for a search
FEW_SPEAKERS = 10
COPIES = 3  # that augmentation makes of a clip, as far as a search is concerned
FEW_POSITIVES = 500  # of a wake word: below, voices speak more
SPOKEN, SPOKEN_MINUTE = 600, 10  # clips that they speak: at most, and for each given minute
VIABLE = "average_viable_recall"  # the recall of a wake word over 0 to 2 false accepts per hour
WINDOWS = 8000  # of continuous sound that are heard after an epoch, at most
MINING = 40.0  # seconds of a core to hear an hour of sound, and to cut out what fires: a guess
MINED = 0.5  # the threshold at which false accepts are collected: a guess
NEAR = {"shift_ms": 100, "speed": [0.8, 1.25], "gain_db": [-6, 6]}
FAR = {  # measured: docs/decisions/0029-few-voices.md
    **{"gain_db": [-20, 10], "equaliser_db": 12.0, "equaliser_probability": 0.8},
    **{"colour_snr_db": [5, 50], "colour_probability": 0.8},
}
TRIAL = 8  # epochs of a trial that says something


class Decision(NamedTuple):
    """A value and its reason; `warning` is what the user should know about it."""

    value: Any
    why: str
    warning: str = ""


def task(facts: Facts) -> Decision:
    """`keywords`, `wake_word` or `scenes`."""
    if facts.seconds >= SCENE:
        return Decision("scenes", f"95 % of the clips take up to {facts.seconds:.1f} s, {SCENE:g} s or more")
    if len(facts.words) == 1:
        return Decision("wake_word", f"one word, {facts.words[0]}; all else is background")
    return Decision("keywords", f"{amount(len(facts.words), 'word')}, one folder each")


def split(facts: Facts) -> Decision:
    """The pattern that finds speakers, or "" to split by recording."""
    if facts.speakers >= 3:
        few = facts.speakers < FEW_SPEAKERS
        told = amount(facts.speakers, "speaker")
        return Decision(
            facts.pattern,
            f"the file names tell {told}: nobody is in two of train, dev and test",
            f"{told}, fewer than {FEW_SPEAKERS}: no interval can be measured" if few else "",
        )
    found = (
        f"{amount(facts.speakers, 'speaker')}, and three splits need three"
        if facts.pattern
        else "no speakers"
    )
    return Decision(
        "",
        f"the file names tell {found}: split by recording",
        "one voice may be in train and test, so accuracy on new voices stays unknown; name files "
        "speaker_take.wav",
    )


def few(task: str, speakers: int, split: str) -> Decision:
    """True where the voices of several words are few, and known."""
    if task == "scenes":
        return Decision(False, "scenes have no voices")
    if not split:
        return Decision(False, "the clips are split by recording: train has the voices of dev and test")
    told = amount(speakers, "speaker")
    if speakers >= FEW_SPEAKERS:
        return Decision(False, f"{told}, {FEW_SPEAKERS} or more")
    return Decision(True, f"{told}, fewer than {FEW_SPEAKERS}: each one counts")


def refit(few: bool, tuned: bool) -> Decision:
    """True where the last training hears the `few` voices of train and dev; not where dev is `tuned` on."""
    if few and tuned:
        return Decision(False, "thresholds are tuned on dev, so no voice of it is learnt")
    if not few:
        return Decision(False, "the last training leaves dev out, which chooses its best epoch")
    return Decision(
        True,
        "voices are few: dev chooses the network, then the last training hears all voices but those of test, "
        "and keeps its last epoch",
    )


def surroundings(task: str, speakers: int) -> Decision:
    """The section `augment` of the trainings; wide where the `speakers` are few, and not unknown (0)."""
    if task == "scenes" or not 0 < speakers < FEW_SPEAKERS:
        return Decision(
            dict(NEAR), "shifted, faster or slower, softer or louder clips stand for more of them"
        )
    return Decision(
        {**NEAR, **FAR},
        f"{amount(speakers, 'speaker')} with as many microphones or fewer: loudness, equaliser and noise "
        "are drawn so widely that an unknown microphone lies within",
    )


def seconds(facts: Facts) -> Decision:
    """The length of a clip as the network hears it, in seconds."""
    if facts.seconds <= 1.0:
        return Decision(
            1.0, f"95 % of the clips take up to {facts.seconds:.2f} s; a second is usual for words"
        )
    value = min(10.0, math.ceil(2 * facts.seconds) / 2)
    return Decision(value, f"95 % of the clips take up to {facts.seconds:.2f} s, rounded up to half a second")


def files(device: Device, task: str) -> Decision:
    """The export targets: those of the device that can hold the task."""
    if device.words or task == "wake_word":
        return Decision(list(device.targets), "what the device runs")
    kept = [target for target in device.targets if target != "esphome"]
    return Decision(
        kept,
        "ESPHome's component hears one word, and these are several",
        "no file for ESPHome: its component hears one word per model; the LiteRT files hear all",
    )


def search(minutes: float, clips: int) -> Decision:
    """True where architectures are searched."""
    many = clips * COPIES
    if minutes < SEARCHED:
        return Decision(False, f"{minutes:g} minutes, under {SEARCHED:g}: hand-made networks at three widths")
    if many < FEW_CLIPS:
        return Decision(
            False, f"{amount(many, 'clip')} after augmentation, under {FEW_CLIPS}: hand-made networks"
        )
    return Decision(True, f"{minutes:g} minutes and {amount(many, 'clip')} after augmentation")


def spoken(positives: int, negatives: bool, minutes: float) -> Decision:
    """The number of clips of the wake word that synthetic voices speak, beside near words and sentences."""
    if positives >= FEW_POSITIVES and negatives:
        return Decision(0, f"{amount(positives, 'recording')} of the word, and other sound: no voices needed")
    why = f"under {FEW_POSITIVES}" if positives < FEW_POSITIVES else "but no other sound"
    many = max(SPOKEN_MINUTE, min(SPOKEN, round(SPOKEN_MINUTE * minutes)))
    told = f"{amount(SPOKEN_MINUTE, 'clip')} per given minute, {SPOKEN} at most"
    return Decision(many, f"{amount(positives, 'recording')} of the word, {why}: voices speak more ({told})")


def rate(wanted: float, hours: float) -> Decision:
    """The target of false accepts per hour: the wanted one, or the lowest that so many hours can show."""
    lowest = 3.0 / hours if hours else math.inf  # no event in H hours: at most 3 / H with 95 % confidence
    if wanted >= lowest:
        return Decision(wanted, f"{hours:.2f} hours of other sound can show it")
    lowest = float(f"{lowest:.2g}")
    return Decision(
        lowest,
        f"{hours:.2f} hours of other sound cannot show less than {lowest:g} (3 / hours, the rule of three)",
        f"{wanted:g} false accepts per hour cannot be measured on {hours:.2f} hours; the threshold is for "
        f"{lowest:g}",
    )


def rest(share: float, core: float, slow: float) -> Decision:
    """The seconds kept for evaluation, export and pages, which need `core` seconds of a core, on a machine
    where a second of a core takes `slow` seconds: at least their `share`.
    """
    told = f"they take about {core:.0f} s of a core, and a second of it took {max(1.0, slow):.1f} s here"
    return Decision(round(max(share, core * max(1.0, slow)), 1), told)


def knowing(inits: Mapping[str, str], speakers_few: bool) -> Decision:
    """The networks, by name with the model that they begin with or "", among which the time is divided."""
    known = [name for name, init in inits.items() if init]
    if speakers_few and known:
        return Decision(
            known, "its first weights know many voices: from nothing, few voices teach only themselves"
        )
    return Decision([*inits], "what fits the device")


def tried(paces: Mapping[str, float], seconds: float) -> Decision:
    """The networks, by name with their seconds per epoch, that are tried within `seconds`: as many, in order,
    as leave each a trial worth comparing.
    """
    kept: list[str] = []
    for name in paces:
        if kept and any(seconds / (len(kept) + 1) < TRIAL * paces[each] for each in (*kept, name)):
            break
        kept.append(name)
    told = ", ".join(f"{name} {pace:.1f} s" for name, pace in paces.items())
    some = f"{amount(len(kept), 'network')} can be tried for {TRIAL} epochs or more in {seconds:.0f} s"
    return Decision(kept, f"{some}; timed here, per epoch: {told}")


def shortened(planned: int, pace: float, slow: float, seconds: float) -> Decision | None:
    """The epochs of the last training for which `seconds` are left, where an epoch takes `slow` times the
    seconds `pace` that were planned; None where all that are `planned` fit.
    """
    fit = epochs(seconds, slow * pace, planned)
    if fit == planned:
        return None
    told = f"epochs of the trial took {slow:.1f} times as long as those timed before it"
    return Decision(fit, f"{told}: {planned} do not fit into the {max(0.0, seconds):.0f} s that are left")


def kept(word: bool, hours: float) -> Decision:
    """The figure by which epochs and networks are chosen; `word` where there are clips of a wake word."""
    if word and hours:
        return Decision(
            VIABLE,
            f"a wake word: what counts is how often it is heard where {hours:.2f} hours of development sound "
            "fire at most twice an hour",
        )
    return Decision("accuracy", "what counts is the share of development clips that are understood")


def ambient(hours: float) -> Decision:
    """The seconds from one window of continuous sound to the next, in which false accepts are counted."""
    hop = max(0.1, math.ceil(10 * 3600 * hours / WINDOWS) / 10)
    many = round(3600 * hours / hop)
    return Decision(
        hop, f"{amount(many, 'window')} of development sound after each epoch, {WINDOWS:,} at most"
    )


def mine(sounds: str, hours: float, slow: float, share: float) -> Decision:
    """The training sound in which false accepts are collected before the last training, or ""."""
    needed = hours * MINING * max(1.0, slow)
    if not hours or needed > share / 2:
        guessed = f"{needed:.0f} s (guessed: {MINING:g} s of a core per hour)"
        short = f"{guessed} are more than half of the {share:.0f} s for it" if hours else "there is none"
        return Decision("", f"no false accepts are collected in training sound: {short}")
    told = f"the chosen trial hears {hours:.2f} hours of training sound, and learns from what fooled it"
    guessed = f"the threshold {MINED:g} for that, and {MINING:g} s of a core per hour, are guesses of ours"
    return Decision(sounds, f"{told}; {guessed}")


def choice(figures: Mapping[str, Mapping[str, float]], kept: str = "accuracy") -> Decision:
    """The network whose trial has the best figure `kept`, then the best accuracy on development clips; of
    equal ones the first, which is smaller.
    """
    wanted = dict.fromkeys((f"valid_{kept}", "valid_accuracy"))
    keys = [key for key in wanted if all(key in row for row in figures.values())]
    best = max(figures, key=lambda name: [figures[name][key] for key in keys])
    told = ", ".join(
        f"{name} {' and '.join(f'{row[key]:.1%}' for key in keys)}" for name, row in figures.items()
    )
    names = " and ".join(key.removeprefix("valid_").replace("_", " ") for key in keys)
    return Decision(best, f"development {names} of the trials: {told}")
