"""One line about a key: the sentence of its class's docstring that names it, or what it means everywhere."""

import inspect
import re
from functools import cache

_SENTENCE = re.compile(r"(?<=\.)\s+(?=[A-Z`])")
EVERYWHERE = {  # keys that mean the same wherever they stand, so that no docstring says it again
    "amp": "Whether a GPU computes in bfloat16 where that is enough; without effect on a CPU.",
    "causal": "Whether nothing looks ahead in time, so that the network can stream.",
    "depth": "Number of layers of the published network.",
    "dropout": "Rate of dropout before the last layer; null: the space's usual one.",
    "epochs": "Passes over the training data.",
    "label_smoothing": "Share of each target that is spread evenly over all classes.",
    "name": "What is meant, by name: see audionas list.",
    "optim": "The optimiser of the weights, a section of its own.",
    "preset": "A named choice of the other settings; see docs for what each one holds.",
    "se": "Whether squeeze-and-excitation is among the options (search), or not (none).",
    "tau": "Factor on the channels of the published network.",
    "variant": "The published size: small, medium or large.",
    "width": "Factor on the channels of the published network.",
    "workers": "Processes that prepare batches; 0: none but this one.",
}
OF = {  # keys that no docstring describes in a line, by section or by all of their path
    "name": "Name of the run, and of its folder in `out`; by default that of the file.",
    "out": "Folder of the run folders.",
    "seed": "Seed of all that is drawn by chance.",
    "threads": "Threads that compute; null: torch's own number.",
    "device": "Where it computes; auto takes a GPU where there is one.",
    "arch": "The network to train: a name of the zoo, an architecture's file, or a genotype.",
    "profile": "The runtime for which networks are made; what it lacks leaves the space.",
    "workers": "Processes that score a searcher's networks.",
    "backend": "Who runs these processes: this machine, or Ray.",
    "address": "Address of a Ray cluster; empty: one that is started here.",
    "gpus": "GPUs of each actor on Ray.",
    "augment.shift_ms": "Most milliseconds by which a clip is shifted either way, filled with zeros.",
    "augment.gain_probability": "Probability that a clip is made louder or softer.",
    "augment.equaliser_probability": "Probability that a clip goes through the seven bands.",
    "augment.distortion_probability": "Probability that a clip is bent by tanh.",
    "augment.pitch_probability": "Probability that a clip is moved in pitch.",
    "augment.colour_probability": "Probability that a clip gets coloured noise.",
    "augment.transition_probability": "Probability that a clip fades from one gain to another.",
    "rank.on": "Data set of the results in a table of NAS-Bench-201.",
    "rank.table": "Table of results that stand for the trainings.",
    "data.train": "Data directory to train on.",
    "data.dev": "Data directory on which epochs are validated.",
    "images.crop": "How training crops: padded with zeros, resized from a share of the area, or not at all.",
    "features.name": "The front-end: mfcc, logmel, or micro, which ESPHome's devices compute.",
    "features.sample_rate": "Sample rate in hertz.",
    "features.window_ms": "Length of a frame in milliseconds.",
    "features.hop_ms": "Milliseconds from one frame to the next.",
    "features.n_fft": "Points of the Fourier transform.",
    "features.n_mels": "Number of mel bands.",
    "features.n_mfcc": "Number of cepstral coefficients.",
    "features.f_min": "Lowest frequency of the mel bands in hertz.",
    "features.f_max": "Highest frequency of the mel bands in hertz.",
    "features.log_offset": "What is added to energies before the logarithm.",
    "features.settle": "Whether a clip's start is heard twice, so that the estimate of noise has settled.",
    "method.alpha_lr": "Learning rate of alpha, by Adam.",
    "method.alpha_betas": "Adam's two decays for alpha's gradient and its square.",
    "method.alpha_weight_decay": "Weight decay of alpha.",
    "method.cost.name": "The cost that is priced: macs or params.",
    "method.cost.target": "Cost above which networks pay; null: every network does.",
    "method.cost.weight": "Factor on the price.",
    "method.criterion": "What decides between operations: accuracy or loss without each of them.",
    "method.zero_one_form": "Form of the zero-one loss: the paper's squared one, or absolute.",
    "method.zero_one_weight": "Factor on the zero-one loss, which drives sigmoids to 0 or 1.",
    "method.scoring.statistics": "Batch-norm statistics of a scored network: recalibrated, or running.",
    "method.mean": "Mean of the noise.",
    "method.limit": "The most that the drawn network may cost: a cost's name, and most.",
    "method.sandwich": "Random networks beside the largest and the smallest in an update; 0: one alone.",
    "method.in_place": "Whether the largest network of a sandwich teaches the others in place of the labels.",
    "method.limit.name": "The cost that is limited: macs or params.",
    "search.optim.name": "The optimiser.",
    "method.alpha_clip": "Largest norm of alpha's gradient; null: any.",
    "search.batch_size": "Examples of a step; under torchrun they are divided among the processes.",
    "search.layers": "Cells of the supernet, for spaces of cells; 0: the usual number.",
    "search.channels": "Channels of the supernet's first cells, for spaces of cells; 0: the usual number.",
    "search.bn": "Batch norm statistics under torchrun: of each process's share, or of the batch.",
    "train.batch_size": "Examples of a step; under torchrun they are divided among the processes.",
    "train.layers": "Cells of the network, for spaces of cells; 0: as in its file.",
    "train.channels": "Channels of the first cells, for spaces of cells; 0: as in its file.",
    "train.bn": "Batch norm statistics under torchrun: of each process's share, or of the batch.",
    "train.loss": "What is minimised; max_pool, for wake words, takes part of it at the best hop.",
    "train.pool_weight": "Share of the loss that max_pool takes at the hop with the highest keyword score.",
    "train.pool_after": "Frames at a clip's start in which max_pool takes no hop.",
    "train.mixup": "Alpha of the Beta distribution of the shares in which examples are mixed; 0: none.",
    "train.ema": "Decay of an exponential average of the weights, which is kept then; null: none.",
    "train.average": "Number of last epochs whose mean weights are kept; 0: those of the last one.",
    "train.auxiliary": "Weight of the loss of a second head while a network of cells trains; 0: none.",
    "distill.weight": "Share of the loss that compares with the teacher; the labels have the rest.",
    "distill.temperature": "Temperature that softens the answers of teacher and student.",
    "data.workers": "Processes that decode clips and compute features; null: one per core.",
    "optim.lr": "Learning rate, the highest of the schedule.",
    "optim.final_lr": "Learning rate at the end, for the schedules cosine and linear.",
    "optim.gamma": "Factor on the rate at each milestone (step) or every gamma_epochs (exponential).",
    "optim.gamma_epochs": "Epochs after which the schedule exponential multiplies the rate by gamma.",
    "rank.networks": "Number of networks that are ranked.",
    "rank.strata": "The cost over whose range the networks are spread; none: they are drawn uniformly.",
    "rank.seed": "Seed with which the networks are drawn.",
    "compare.seeds": "Seeds of the searches of each method.",
    "limits.macs": "Multiply-adds for one example.",
    "limits.params": "Number of parameters.",
    "optim.name": "The optimiser: sgd, adam, adamw or rmsprop.",
    "optim.milestones": "Epochs at which the schedule step multiplies the rate by gamma.",
    "optim.momentum": "Momentum of SGD and RMSProp.",
    "optim.nesterov": "Whether SGD's momentum is Nesterov's.",
    "optim.schedule": "How the rate falls over the epochs.",
    "optim.warmup_epochs": "Epochs in which the rate rises linearly from 0.",
    "optim.weight_decay": "Weight decay.",
}


@cache
def line(kind: type, key: str) -> str:
    """The meaning of the last word of `key`, a field of `kind`; empty where nothing says it."""
    name, last = key.rpartition(".")[2], ".".join(key.split(".")[-2:])
    return OF.get(key) or OF.get(last) or _described(kind, name) or EVERYWHERE.get(name, "")


def _described(kind: type, name: str) -> str:
    """The sentence that names a field in the docstring of its class, or else in that of a base.

    One that begins with the name comes first.
    """
    wanted = re.compile(rf"`{re.escape(name)}(?:: ?[^`]*)?`")
    for owner in kind.__mro__:
        text = inspect.cleandoc(vars(owner).get("__doc__") or "")
        sentences = [s for part in text.split("\n\n") for s in _SENTENCE.split(" ".join(part.split()))]
        if found := [sentence for sentence in sentences if wanted.search(sentence)]:
            return next((sentence for sentence in found if wanted.match(sentence)), found[0])
    return ""
