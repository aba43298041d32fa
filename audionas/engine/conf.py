"""Settings of runs: the keys outside sections, and `search`, `train`, `compare` and `rank` of a config."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from audionas.core.errors import UserError
from audionas.core.files import name_fault
from audionas.core.strict import Strict
from audionas.engine.distill import Distill
from audionas.engine.optim import Optim


@dataclass(frozen=True, kw_only=True)
class General(Strict):
    """The keys outside sections: the run's `name`, `out` folder, `seed`, `threads`, `device` and `arch`.

    A `profile` says where the network will run: the space loses the options that this runtime does not have,
    and a network that does not fit is not trained (`esphome`: ESPHome's micro_wake_word, `cmsis`: the kernels
    of CMSIS-NN, `dcase`: the budget of DCASE's task 1).

    A searcher's networks are scored by `workers`: processes on this machine, or with `backend: ray` actors of
    the cluster at `address` (`auto`, or empty for one that is started here). Each has `threads` CPUs, one by
    default, and on Ray `gpus` GPUs.
    """

    name: str
    out: str = "exp"
    seed: int = 0
    threads: int | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    arch: str = ""
    profile: Literal["none", "esphome", "dcase", "cmsis"] = "none"
    workers: int = 1
    backend: Literal["process", "ray"] = "process"
    address: str = ""
    gpus: float = 0.0

    def __post_init__(self) -> None:
        problems = [f"name: {why}" for why in filter(None, map(name_fault, self.name.split("/")))]
        if self.threads is not None and self.threads < 1:
            problems.append(f"threads: {self.threads}, expected at least 1")
        if self.workers < 1:
            problems.append(f"workers: {self.workers}, expected at least 1")
        if problems:
            raise UserError(problems)


@dataclass(frozen=True, kw_only=True)
class Search(Strict):
    """The supernet's fit. `split` is the share of training speakers whose clips (or the share of each
    class's images) update weights; the others update architecture parameters. `layers` and `channels` size
    the supernet of a space of cells (0: the space's usual size).

    `affine` gives the norms that end an option affine parameters, with which its weights can do the work of
    its alpha, or takes them away. By default (null) they have none in spaces of cells, and none in chains
    while a method mixes options; where one option runs at a time they have them. `augment_alpha` augments
    alpha's half too: by default (null) images, as in the experiments of DARTS' paper, and not recordings.

    An epoch of a method of two levels is one pass over the half for the weights. `budget` is what an epoch of
    a method of one level has in common with it: as many training `examples` (by default, null), drawn from
    all training data in about twice as many steps, or as many `steps`.

    Under torchrun a batch of `batch_size` is divided evenly among the processes. `bn` is the source of batch
    norm statistics: each process's share (`local`), or the whole batch (`sync`), with which the
    search equals that of one process.
    """

    epochs: int = 50
    batch_size: int = 64
    workers: int = 0
    split: float = 0.5
    label_smoothing: float = 0.0
    dropout: float | None = None
    affine: bool | None = None
    augment_alpha: bool | None = None
    budget: Literal["examples", "steps"] | None = None
    layers: int = 0
    channels: int = 0
    amp: bool = True
    bn: Literal["local", "sync"] = "local"
    optim: Optim = field(default_factory=partial(Optim, lr=0.05, final_lr=0.001, weight_decay=3e-4, clip=5.0))

    def __post_init__(self) -> None:
        problems = _problems("search", self)
        if not 0 < self.split < 1:
            problems.append(f"search.split is {self.split}, expected a share between 0 and 1")
        if problems:
            raise UserError(problems)


@dataclass(frozen=True, kw_only=True)
class Source(Strict):
    """The weights of a source of clips: `sampling` is the probability to draw from it, relative to the
    others, and `penalty` a multiplier of the loss of its clips.
    """

    sampling: float = 1.0
    penalty: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Train(Strict):
    """The final network's fit, from scratch unless `init` names the source of its first weights.

    `init` is a trained model (a run folder, its `model/`, or a shipped model's name) or the supernet of a
    finished search (`exp/NAME/search`). Tensors are taken by name if their shapes agree; the others are
    new. Parts that match the patterns in `freeze` do not change (`head`, `block*`, `edges.block1.*`; `!head`
    excludes a part), and batch norms in them keep their statistics. `distill` adds a teacher.

    The last epoch's weights are kept; or their exponential average (`ema`, a decay such as 0.999);
    or the mean over the last `average` epochs. `patience` ends training when the development
    accuracy has not risen for this many validations. `amp` applies on a GPU only, in bfloat16.

    With `keep`, the weights of the epoch with the best development accuracy or macro F1 are kept, and the
    last ones too, as a model in the run's folder `last`. Validation follows every `every` epochs and the last
    one.

    For a wake word `select: average_viable_recall` keeps the epoch in which the most clips of the word are
    heard where continuous audio without it, `data.ambient`, fires seldom: the recall of the development
    clips, averaged over 0 to 2 false accepts per hour (microWakeWord's measure). It needs one label without
    `_`, the word.

    With `sources`, each clip of an epoch is drawn from a source, by its `sampling`, and its loss is
    multiplied by the source's `penalty`: `{noise: {sampling: 5, penalty: 1}}`. The source of a clip is that
    in `utt2source` of the training directory. `class_weight` multiplies the loss of the clips of a label:
    `{_other_: 20}`. A teacher's part of the loss has no weights.

    For spaces of cells: `layers` and `channels` set the size of the network (0: as in its
    architecture file); `auxiliary` weighs the loss of a second head, which is not part of the
    trained model (0: no such head). Operations are dropped with probability `drop_path`, for each example
    separately; it grows linearly from 0.

    Wake words: with `loss: max_pool` a share `pool_weight` of the loss is taken at the hop of a clip with
    the highest keyword score, after the first `pool_after` frames; the network must be causal.

    With `mixup` above 0 every example of a batch is mixed with another one of it, sound with sound, by one
    share from Beta(`mixup`, `mixup`), and the loss has the labels of both by that share (Zhang et al. 2018,
    arXiv:1710.09412).

    Streams: with `past`, half of the batches hear up to so many seconds of other clips before each clip, and
    hops begin anywhere, as on a device; the network must be causal. 1 second or more suits a network that
    will listen.

    Under torchrun a batch of `batch_size` is divided evenly among the processes; `bn` is as in `search`.
    """

    loss: Literal["cross_entropy", "max_pool"] = "cross_entropy"
    pool_weight: float = 0.5
    pool_after: int = 0
    past: float = 0.0
    init: str = ""
    freeze: tuple[str, ...] = ()
    distill: Distill | None = None
    epochs: int = 60
    batch_size: int = 100
    workers: int = 0
    label_smoothing: float = 0.0
    mixup: float = 0.0
    dropout: float | None = None
    layers: int = 0
    channels: int = 0
    auxiliary: float = 0.0
    drop_path: float = 0.0
    amp: bool = True
    bn: Literal["local", "sync"] = "local"
    ema: float | None = None
    average: int = 0
    patience: int = 0
    keep: Literal["last", "accuracy", "macro_f1"] = "last"
    select: Literal["", "average_viable_recall"] = ""
    sources: dict[str, Source] = field(default_factory=dict)
    class_weight: dict[str, float] = field(default_factory=dict)
    every: int = 1
    optim: Optim = field(default_factory=Optim)

    def __post_init__(self) -> None:
        problems = _problems("train", self)
        if not 0 < self.pool_weight <= 1:
            problems.append(f"train.pool_weight is {self.pool_weight}, expected a share above 0, at most 1")
        if self.pool_after < 0:
            problems.append(f"train.pool_after is {self.pool_after}, expected frames, 0 or more")
        if not 0 <= self.mixup < math.inf:
            problems.append(f"train.mixup is {self.mixup}, expected 0 (off) or a number such as 0.2")
        if self.mixup and self.loss == "max_pool":
            problems.append("train.loss: max_pool excludes train.mixup: a hop has one word")
        if self.mixup and self.distill is not None and self.distill.cache:
            problems.append("train.mixup excludes train.distill.cache: a teacher answers for each mixture")
        if not 0 <= self.past <= 60:
            problems.append(f"train.past is {self.past}, expected 0 (off) to 60 seconds such as 1.0")
        if self.loss == "max_pool" and self.auxiliary:
            problems.append("train.loss: max_pool excludes train.auxiliary")
        if self.every < 1:
            problems.append(f"train.every is {self.every}, expected at least 1")
        if self.average and self.judged:
            key = "select" if self.select else "keep"
            problems.append(f"train.average excludes train.{key}: {getattr(self, key)}")
        if self.select and self.keep != "last":
            problems.append(f"train.select excludes train.keep: {self.keep}")
        weights = {f"class_weight.{name}": weight for name, weight in self.class_weight.items()}
        for name, source in self.sources.items():
            weights |= {f"sources.{name}.{key}": value for key, value in vars(source).items()}
        problems += [f"train.{k} is {v}, expected 0 or more" for k, v in weights.items() if v < 0]
        for name, value in {"average": self.average, "patience": self.patience}.items():
            if value < 0:
                problems.append(f"train.{name} is {value}, expected 0 (off) or a number of epochs")
        if self.ema is not None and not 0 < self.ema < 1:
            problems.append(f"train.ema is {self.ema}, expected a decay between 0 and 1 such as 0.999")
        if not 0 <= self.auxiliary < math.inf:
            problems.append(f"train.auxiliary is {self.auxiliary}, expected 0 (off) or a weight such as 0.4")
        if not 0 <= self.drop_path < 1:
            problems.append(f"train.drop_path is {self.drop_path}, expected at least 0 and below 1")
        if self.average and (self.ema is not None or self.patience):
            problems.append(
                "train.average excludes train.ema and train.patience: "
                "the mean of the last epochs needs to know which are the last"
            )
        if any(not pattern.strip("! ") for pattern in self.freeze):
            problems.append("train.freeze holds an empty pattern, expected names of parts such as stem")
        if problems:
            raise UserError(problems)

    @property
    def judged(self) -> str:
        """The name of the figure that chooses the weights to keep; empty where the last are kept."""
        chosen = self.select or (self.keep if self.keep != "last" else "")
        return chosen and f"valid_{chosen}"

    def void(self) -> Mapping[str, str]:
        """The settings of another loss, and those of labels that nothing learns from."""
        pool = (
            {}
            if self.loss == "max_pool"
            else dict.fromkeys(("pool_weight", "pool_after"), f"loss is {self.loss}")
        )
        alone = self.distill is not None and self.distill.weight == 1
        return pool | ({"label_smoothing": "distill.weight is 1: the teacher alone teaches"} if alone else {})


@dataclass(frozen=True, kw_only=True)
class Compare(Strict):
    """Searches side by side: every method with every seed, all else equal.

    `methods` are names, or `method` sections with their own settings; by default all that train a
    supernet. A section's `as` names its rows and folders, for a method that appears twice. `retrain`
    also trains each network found, by the section `train`. `test` is the data on which networks are scored: a
    data directory or, for images, any valid `images.path` (its test part); by default the development
    data. `table` is a file of NAS-Bench-201's results, in which the networks found are looked up.

    `budget` is what all methods get alike: training `examples`, or `steps` of the weights, in as many epochs;
    or the `seconds` that DARTS takes for `search.epochs`. Steps are then timed before the first search, and
    the number of epochs that follows for each method is kept in `budget.json`.
    """

    methods: tuple[str | dict[str, Any], ...] | None = None
    seeds: tuple[int, ...] = (0, 1, 2)
    budget: Literal["examples", "steps", "seconds"] = "examples"
    retrain: bool = False
    test: str = ""
    table: str = ""

    def __post_init__(self) -> None:
        problems = []
        if self.methods is not None:
            labels = [label_of(method) for method in self.methods]
            problems += [] if labels else ["compare.methods is empty, expected names such as darts, gdas"]
            problems += [
                f"compare.methods: '{label}' appears twice. Rename one: {{..., as: {label}_2}}"
                for label in _repeated(labels)
            ]
            problems += [
                f"compare.methods: '{label}' cannot name a folder, expected letters, digits, _ and -"
                for label in labels
                if label and not re.fullmatch(r"\w[\w-]*", label)
            ]
        if not self.seeds:
            problems.append("compare.seeds is empty, expected numbers such as 0, 1, 2")
        problems += [f"compare.seeds: {seed} appears twice" for seed in _repeated(self.seeds)]
        if problems:
            raise UserError(problems)


@dataclass(frozen=True, kw_only=True)
class Rank(Strict):
    """A comparison of a supernet's ranking with that of networks trained alone.

    `networks` of the space are drawn with `seed`, spread evenly over the range of a cost, `strata`, or with
    `none` uniformly; each is scored by the supernet and trained alone by the section `train`. Trained
    networks are kept in `alone`, a folder that several supernets of one space may share; by default in the
    run's folder. `test` is the data on which they are scored, as for comparisons. With `trainings` above 1
    each is trained that many times, with consecutive seeds; the supernet is compared with the mean, and the
    agreement of one training with the mean of the others is a ceiling that no supernet can exceed by much.

    `table` is a file with the results of NAS-Bench-201 (on the data set `on`) or of NAS-Bench-Macro, which
    stand for the trainings: none is made. `seeds` are those of several supernets; by default there is one,
    with the config's seed. The regret is reported for the supernet's best `top`, by default 1 and 10. `sweep`
    are further numbers of batches on which statistics are recalibrated, to choose `scoring.calibration` by.

    `proxies` are scores of the untrained networks, by which they are ordered too: a supernet has to surpass
    them, and they the costs. With proxies the method may be `random`, which trains no supernet.
    """

    networks: int = 30
    trainings: int = 1
    strata: Literal["macs", "params", "none"] = "macs"
    seed: int = 0
    seeds: tuple[int, ...] = ()
    alone: str = ""
    test: str = ""
    table: str = ""
    on: Literal["cifar10", "cifar100", "ImageNet16-120"] = "cifar10"
    top: tuple[int, ...] | None = None
    sweep: tuple[int, ...] = ()
    proxies: tuple[Literal["synflow", "naswot", "swap", "az_nas"], ...] = ()

    def __post_init__(self) -> None:
        problems = []
        if self.networks < 3:
            problems.append(f"rank.networks is {self.networks}, expected at least 3")
        if self.trainings < 1:
            problems.append(f"rank.trainings is {self.trainings}, expected at least 1")
        problems += [
            f"rank.top: {k} is not between 1 and rank.networks, {self.networks}"
            for k in self.top or ()
            if not 1 <= k <= self.networks
        ]
        problems += [f"rank.seeds: {seed} appears twice" for seed in _repeated(self.seeds)]
        problems += [f"rank.proxies: {name} appears twice" for name in _repeated(self.proxies)]
        problems += [f"rank.sweep: {n}, expected at least 1 batch" for n in self.sweep if n < 1]
        problems += [
            f"rank.{name}: the table stands for the trainings. Remove rank.{name}, or rank.table."
            for name in ("trainings", "alone", "test")
            if self.table and getattr(self, name) != getattr(Rank, name)
        ]
        if problems:
            raise UserError(problems)

    @property
    def firsts(self) -> tuple[int, ...]:
        """The numbers of the supernet's best for which the regret is reported."""
        return self.top or tuple(k for k in (1, 10) if k <= self.networks)


def label_of(method: str | Mapping[str, Any]) -> str:
    """The label of a method in a comparison: `as`, or its name, without the module of an outside class."""
    section = {"name": method} if isinstance(method, str) else method
    return str(section.get("as") or str(section.get("name", "")).rpartition(":")[2])


def _repeated(values: Sequence[Any]) -> list[Any]:
    return [value for value, count in Counter(values).items() if count > 1]


def _problems(section: str, conf: Search | Train) -> list[str]:
    """The problems in the keys that both have."""
    rules = (
        (conf.epochs >= 1, f"epochs is {conf.epochs}, expected at least 1"),
        (conf.batch_size >= 1, f"batch_size is {conf.batch_size}, expected at least 1"),
        (conf.workers >= 0, f"workers is {conf.workers}, expected 0 or more"),
        (0 <= conf.label_smoothing <= 1, f"label_smoothing is {conf.label_smoothing}, expected 0 to 1"),
        (
            conf.dropout is None or 0 <= conf.dropout < 1,
            f"dropout is {conf.dropout}, expected at least 0 and below 1",
        ),
        (conf.layers >= 0, f"layers is {conf.layers}, expected 0 (the usual number) or more"),
        (conf.channels >= 0, f"channels is {conf.channels}, expected 0 (the usual number) or more"),
    )
    return [f"{section}.{text}" for holds, text in rules if not holds]
