"""Planning: facts become decisions, data are prepared, steps are timed, and epochs fill the given time."""

from pathlib import Path

from audionas.config import load
from audionas.core.errors import Faults, UserError
from audionas.core.files import write_text
from audionas.core.reporter import Reporter
from audionas.data import kaldi
from audionas.data.labels import is_background, other_of, read_labels
from audionas.expert import budget, conf, decide, do, since, steps
from audionas.expert.clock import Clock
from audionas.expert.decide import Decision
from audionas.expert.devices import device
from audionas.expert.facts import Facts, facts, hours
from audionas.expert.plan import Plan


def examine(made: Plan, home: Path, *, rated: bool = False) -> None:
    """Take the decisions that the recordings alone decide, and write plan and config to `home`.

    `rated` where the user gave a rate of false accepts. Raises UserError for recordings that cannot be used
    and for settings that are none, before that.
    """
    if "seconds" not in made.decisions:
        _examine(made, home)
    faults = Faults()
    if rated and "negatives" not in made.decisions:
        with faults:
            raise UserError(
                f"--fa-per-hour needs sound without the words, and {made.source} holds words or scenes alone",
                hint="Give it: --negatives FOLDER; or leave --fa-per-hour out, and nothing is tuned.",
            )
    write_text(home / conf.FILE, conf.text(made))
    with faults:
        load(home / conf.FILE, steps.settings(made))
    faults.tell()
    made.save(home)


def plan(made: Plan, home: Path, clock: Clock, tell: do.Told) -> None:
    """Prepare the data, time steps, and take the other decisions. Raises UserError where no network fits."""
    prep = steps.prep(made, home)
    do.run([prep], do.digests([steps.prep(made, Path(home.name))]), made, home, clock, tell)
    if "negatives" in made.decisions:
        _measurable(made, home)
    else:
        made.decisions["kept"] = decide.kept(word=False, hours=0.0)
    write_text(home / conf.FILE, conf.text(made))
    tell("time steps")
    with do.logged(home):
        (budget.searched if made.value("search") else budget.hand_made)(made, home, clock)
    made.save(home)


def _examine(made: Plan, home: Path) -> None:
    """Decide what the recordings alone decide."""
    decided = made.decisions
    decided[since.NAME] = since.seen(made)
    if made.word:
        found = Facts({}, "", 0, 1.0, 1.0, 0.0)
        decided["task"] = Decision("wake_word", "--word names one")
        decided["split"] = Decision("", "synthetic voices: no voice is in two of train, dev and test")
    else:
        with do.logged(home):
            found = facts(Path(made.source), Reporter())
        decided["task"], decided["split"] = decide.task(found), decide.split(found)
        if made.negatives and decided["task"].value == "scenes":
            raise UserError(
                f"--negatives is for words, and {made.source} holds scenes: {decided['task'].why}",
                hint="Leave --negatives out: a recording of another scene is a class of its own.",
            )
    decided["search"] = decide.search(made.minutes, found.clips or decide.SPOKEN)
    decided["seconds"] = decide.seconds(found)
    decided["files"] = decide.files(device(made.device), decided["task"].value)
    if decided["task"].value == "wake_word":
        _examine_word(made, found)
    else:
        if made.negatives:
            decided["negatives"] = Decision("dev_long", "the sound without the words")
            why = "clips of the sound without the words join it, as many as the words have in each split"
            decided["other"] = Decision(other_of(found.labels), why)
        task = decided["task"].value
        decided["few"] = decide.few(task, found.speakers, decided["split"].value)
        decided["refit"] = decide.refit(decided["few"].value, bool(made.negatives))
        decided["augment"] = decide.surroundings(task, found.speakers)


def _examine_word(made: Plan, found: Facts) -> None:
    """Decide what a wake word needs: its folder, other sound, voices."""
    decided, word = made.decisions, made.word
    for folder in found.words:
        others = [label for label in found.labels if label != folder]
        decided["folder"] = Decision(folder, "the only one without a _ in front")
        decided["others"] = Decision(others, "what is not the word")
        word = folder.replace("_", " ")
    other = bool(made.negatives) or len(found.labels) > 1
    decided["word"] = Decision(word, "--word" if made.word else "the name of its folder")
    decided["voices"] = decide.spoken(sum(found.labels[each] for each in found.words), other, made.minutes)
    decided["negatives"] = (
        Decision("dev_long", "recordings without the word")
        if other
        else Decision("dev_espeak", "no recordings without the word: sentences by synthetic voices")
    )
    decided["seconds"] = Decision(1.5, "a wake word ends its clips, with a little of what was before")


def _measurable(made: Plan, home: Path) -> None:
    """Decide the target of false accepts, and what chooses epochs and networks, from the hours of development
    sound without the word.
    """
    heard = hours(home, made.value("negatives"))
    if not heard:
        raise UserError(
            "no development sound without the words: too few recordings to have some in train, dev and test",
            hint="Give more recordings, or longer ones: --negatives FOLDER",
        )
    there = {item.label for item in kaldi.read(home / "data" / "dev") if not is_background(item.label)}
    if made.value("task") != "wake_word":
        made.decisions["kept"] = decide.kept(word=False, hours=heard)
        words = {label for label in read_labels(home / "data" / "train") if not is_background(label)}
        if lacking := sorted(words - there):
            told = f"no threshold is tuned: no development clip says {', '.join(lacking)}"
            made.decisions["kept"] = made.decisions["kept"]._replace(warning=told)
        else:
            made.decisions["rate"] = decide.rate(made.rate, heard)
        return
    made.decisions["rate"] = decide.rate(made.rate, heard)
    made.decisions["kept"] = decide.kept(bool(there), heard)
    if made.value("kept") == decide.VIABLE:
        made.decisions["ambient"] = decide.ambient(heard)
