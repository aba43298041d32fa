"""The steps of a plan, in order, as far as its decisions go: those after the choice need it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audionas.config import dump
from audionas.core.hostile import setting
from audionas.expert import conf, since, verbs
from audionas.expert.decide import SPOKEN
from audionas.expert.devices import device
from audionas.expert.facts import BY_FOLDER
from audionas.expert.plan import Plan
from audionas.expert.verbs import Step
from audionas.run.ship.targets import files_of

TRIALS, SEARCH = "trials", "trials/search"
SENTENCES = 0.5  # hours for each split by as many voices as there are at most, where no other sound is given
_LAST = [
    "train.keep=last",
    "train.ema=0.99",
]  # voices of dev are heard; an average bears a schedule cut short
KNOWN = 0.05  # of the clips of train and dev: they watch the last training, where that hears both
_FINAL = ("train.epochs", "train.init")  # settings of the user that are for the final training alone
_OTHERS = ("name", "out")  # those that say where the run lies, which the plan knows


def steps(plan: Plan, out: Path, name: str) -> list[Step]:
    """The steps of a plan whose run is `out`/`name`."""
    home = out / name
    found = [prep(plan, home), *_search(plan, home), *_trials(plan, home)]
    if "choice" in plan.decisions:
        found += _rest(plan, out, name)
    return found


def trial(network: str) -> str:
    """The name of the step that tries a network."""
    return f"try {network}"


def trial_settings(
    plan: Plan, home: Path, network: str, facts: Mapping[str, Any], epochs: int = 1
) -> list[str]:
    """The settings of the short training of a network."""
    where = [*_where(plan, home / TRIALS, network, home), *_network(home, network, facts, _init(home, facts))]
    return [*where, f"train.epochs={epochs}", *settings(plan, *_FINAL)]


def search_settings(plan: Plan, home: Path, epochs: int) -> list[str]:
    """The settings of the search."""
    where = _where(plan, home / Path(SEARCH).parent, Path(SEARCH).name, home)
    return [*where, f"search.epochs={epochs}", *settings(plan, *_FINAL)]


def keys(changes: Sequence[str]) -> list[str]:
    """The keys of settings KEY=VALUE."""
    return [change.partition("=")[0] for change in changes]


def prep(plan: Plan, home: Path) -> Step:
    """The preparation of the data."""
    data = home / "data"
    seed = [("seed", each.partition("=")[2]) for each in plan.changes if each.startswith("seed=")]
    options: list[tuple[str, Any]] = [("on-bad", "skip"), *((k, int(v)) for k, v in seed[-1:])]
    if plan.value("task") == "wake_word":
        return _wake_word(plan, data, options)
    options += [("speaker-pattern", plan.value("split")), ("dev", 0.15), ("test", 0.15), ("resample", True)]
    options += [("known", KNOWN)] if _value(plan, "refit") else []
    if "other" in plan.decisions:
        options += [("negatives", [*map(Path, plan.negatives)]), ("seconds", plan.value("seconds"))]
    return verbs.prep(
        "folder", [plan.source, str(data)], [o for o in options if o[1] != ""], reads=_seen(plan)
    )


def _wake_word(plan: Plan, data: Path, options: list[tuple[str, Any]]) -> Step:
    word = plan.value("word")
    say = plan.value("voices")
    options = [*options, ("word", word), ("say", say), ("sentences", round(say / SPOKEN, 2))]
    options += [("seconds", plan.value("seconds"))]
    others = [
        Path(each) for each in plan.negatives
    ]  # as --src: the pattern of speakers is for the word's files
    if plan.source:
        options += [("positives", Path(plan.source) / plan.value("folder"))]
        others = [*(Path(plan.source) / each for each in plan.value("others")), *others]
        if pattern := plan.value("split"):
            options += [("speaker-pattern", "^(?P<speaker>[^/]+)" if pattern == BY_FOLDER else pattern)]
    options += [("src", others)] if others else []
    if plan.value("negatives") == "dev_espeak":
        options += [("espeak-hours", round(SENTENCES * say / SPOKEN, 2))]
    return verbs.prep("wake_word", [str(data)], options, reads=_seen(plan))


def _seen(plan: Plan) -> str:
    """The recordings as the plan saw them, as text; earlier versions did not look."""
    return dump(plan.value(since.NAME)) if since.NAME in plan.decisions else ""


def _search(plan: Plan, home: Path) -> list[Step]:
    """The search, where there is one."""
    if not plan.value("search"):
        return []
    facts = plan.value("supernet")
    return [
        verbs.search(
            home / conf.FILE,
            search_settings(plan, home, facts["epochs"]),
            after=("prep",),
            reads=conf.text(plan),
            share="search",
            seconds=facts["seconds"],
            pace=facts.get("epoch", 0.0),
            tail=facts.get("scoring", 0.0),
        )
    ]


def _trials(plan: Plan, home: Path) -> list[Step]:
    """A short training of each network."""
    found = []
    for network, facts in plan.value("networks").items() if len(plan.value("networks")) > 1 else ():
        changes = trial_settings(plan, home, network, facts, facts["trial_epochs"])
        found.append(
            verbs.train(
                trial(network),
                home / conf.FILE,
                changes,
                after=("search" if plan.value("search") else "prep",),
                reads=conf.text(plan),
                share="search",
                seconds=facts["trial_epochs"] * facts["epoch"],
                pace=facts["epoch"],
            )
        )
    return found


def _rest(plan: Plan, out: Path, name: str) -> list[Step]:
    """The final training and what follows it."""
    home, chosen = out / name, plan.value("choice")
    facts = plan.value("networks")[chosen]
    several, found = len(plan.value("networks")) > 1, "search" if plan.value("search") else "prep"
    init = (
        str(home / TRIALS / chosen) if several else _init(home, facts)
    )  # a trial is the beginning of a training
    mined = bool(_value(plan, "mine")) and several
    refit = bool(_value(plan, "refit"))
    places = ("both", "known") if refit else ("mined" if mined else "train", "dev")
    changes = [*_where(plan, out, name, home, *places), *_network(home, chosen, facts, init)]
    changes += _LAST if refit and not conf.JUDGES & {*keys(plan.changes)} else []
    epochs, pace = final_epochs(plan), facts.get("last_epoch", facts["epoch"])
    changes += [f"train.epochs={epochs}", *settings(plan)]
    data, target = home / "data", device(plan.device)
    before = _mining(plan, home, chosen) if mined else []
    final = verbs.train(
        "train",
        home / conf.FILE,
        changes,
        after=("mine" if mined else trial(chosen) if several else found,),
        reads=conf.text(plan),
        share="training",
        seconds=epochs * pace,
        pace=0.0 if "train.epochs" in keys(plan.changes) else pace,
    )
    last = [
        *before,
        final,
        verbs.evaluate(home, data / "test", after=("train",)),
        verbs.export(
            home, plan.value("files"), data / "test", target.profile == "esphome", after=("train", "eval")
        ),
    ]
    if "rate" in plan.decisions:
        last.append(
            verbs.tune(
                home,
                data / ("dev_words" if plan.value("task") == "wake_word" else "dev"),
                data / plan.value("negatives"),
                plan.value("rate"),
                [file.name for file in files_of(plan.value("files"), name) if file.listens],
                after=("export",),
            )
        )
    last.append(verbs.show(home, after=tuple(each.name for each in last)))
    rest = plan.value("rest") / (len(last) - 1)
    return [each if each.trains else each._replace(seconds=rest) for each in last]


def final_epochs(plan: Plan) -> int:
    """The epochs of the last training: those of its network, or what the time after the trials allows.

    The latter are for one network, and for the epochs that were planned for it: whoever changes one of them
    in the plan gets what is written there.
    """
    planned = plan.value("networks")[plan.value("choice")]["epochs"]
    shorter = _value(plan, "epochs") or {}
    if not isinstance(shorter, Mapping):  # of an earlier version, which did not keep the network
        return min(int(shorter), int(planned))
    own = shorter.get(plan.value("choice"), {})
    return int(own["epochs"] if own.get("planned") == planned else planned)


def _mining(plan: Plan, home: Path, chosen: str) -> list[Step]:
    """The chosen trial is exported, and hears the training sound: false accepts become training clips."""
    target, data = device(plan.device), home / "data"
    place = home / TRIALS / chosen
    kind = "onnx-stream" if target.listens else "onnx"
    frames = target.profile == "esphome"
    return [
        verbs.export(place, [kind], data / "dev", frames, name="export trial", after=(trial(chosen),)),
        verbs.mine(
            place,
            data / plan.value("mine"),
            data / "train",
            data / "mined",
            label=_value(plan, "other") or "",
            after=("export trial",),
        ),
    ]


def _value(plan: Plan, name: str) -> Any:
    """The value of a decision that plans of earlier versions lack; None there."""
    return plan.value(name) if name in plan.decisions else None


def _where(plan: Plan, out: Path, name: str, home: Path, train: str = "train", dev: str = "dev") -> list[str]:
    """The settings that say where a training reads and writes."""
    data = home / "data"
    found = [
        setting("out", out),
        setting("name", name),
        setting("data.train", data / train),
        setting("data.dev", data / dev),
    ]
    heard = "ambient" in plan.decisions
    return [*found, *([setting("data.ambient", data / plan.value("negatives"))] if heard else [])]


def _network(home: Path, network: str, facts: Mapping[str, Any], init: str) -> list[str]:
    """The settings for an architecture, the first weights and the seed."""
    found = [setting("arch", home / facts.get("arch", f"conf/{network}.json"))]
    found += [setting("train.init", init)] if init else []
    return [*found, *([f"seed={facts['seed']}"] if "seed" in facts else [])]


def _init(home: Path, facts: Mapping[str, Any]) -> str:
    """The model whose weights a trial begins with: an included one, or what the search left; "" for none."""
    return str(home / facts["init"]) if facts["init"].startswith(SEARCH) else str(facts["init"])


def settings(plan: Plan, *but: str) -> list[str]:
    """The user's settings for a training, without some keys."""
    named = zip(plan.changes, keys(plan.changes), strict=True)
    return [change for change, key in named if key not in (*but, *_OTHERS)]
