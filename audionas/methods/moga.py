"""MoGA: FairNAS for the GPUs of phones, where parameters help (Chu et al., ICASSP 2020, arXiv:1908.01314).

Small networks underfit, so more parameters are welcome as long as latency allows. The supernet is
trained as in FairNAS, in the paper on the space `moga_mobilenet`; the objectives of the search after it are
new: accuracy, latency on the target device, and parameters, which are maximised.
"""

from dataclasses import dataclass
from typing import ClassVar

from audionas.methods.fair_nas import FairNas


@dataclass(kw_only=True)
class Moga(FairNas):
    """FairNAS' training under the name of the paper that searches its supernet for three objectives.

    The objectives belong to the searcher, for example `searcher: {name: nsga2, latency: phone.json,
    objectives: {accuracy: max, latency_ms: min, params: max}, weights: {accuracy: 0.5, latency_ms: 0.25,
    params: 0.25}}`, with a table from `audionas latency build` or one in its form. The weights keep the
    front dense along the objectives that matter; these are an example. Without that section it is `fair_nas`.
    """

    paper: ClassVar[str] = "MoGA: Searching Beyond MobileNetV3"
    arxiv: ClassVar[str] = "1908.01314"
    alike: ClassVar[str] = "fair_nas"
