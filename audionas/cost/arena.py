"""The working memory that TFLite-Micro needs on a device with ESP-NN, for a list of operators with shapes.

It is the persistent end, which holds structs, factors and variables, and before it the tensors and the
scratch that live at once, as the greedy planner packs them; while the plan is made, other tables lie there.
"""

import math
from typing import Literal

from audionas.core.errors import UserError
from audionas.cost import esp_nn
from audionas.cost.operators import Program
from audionas.cost.planner import ALIGN, Scratch, buffers, height
from audionas.cost.tflite_micro import KNOWN, Runtime, asked, persistent, planning

Chip = Literal["esp32", "esp32-s3"]
CHIPS: tuple[Chip, ...] = ("esp32", "esp32-s3")
SPARE = 1.08  # over the model: the shipped manifests lie 1.0 to 7.3 % above it
_COMPONENT = "esp-tflite-micro 1.4.0"


def arena(program: Program, chip: Chip, version: str = "") -> int:
    """The bytes to give to a network in int8 on `chip`, with `SPARE` above the model's.

    The greater need of ESP-NN's `esp_nn.VERSIONS` counts, or that of one `version`. Raises UserError for
    operators whose kernels are not known here, and for what the component refuses (`refused`).
    """
    if problems := refused(program):
        raise UserError(problems, hint="Search with profile: esphome, which leaves only what fits.")
    most = max(need(program, chip, v) for v in ((version,) if version else esp_nn.VERSIONS))
    return math.ceil(SPARE * most / ALIGN) * ALIGN


def need(program: Program, chip: Chip, version: str) -> int:
    """The bytes that the model says: the least size of an arena whose start and end are aligned to 16."""
    wanted = [
        Scratch(which, place, size)
        for which, graph in enumerate(program)
        for place, node in enumerate(graph.operators)
        for size in (*asked(node, program, which), esp_nn.scratch(node, graph, chip, version))
        if size
    ]
    return total(program, wanted, Runtime())


def total(program: Program, scratch: list[Scratch], runtime: Runtime) -> int:
    """The bytes for a program whose kernels ask for `scratch`, in one build of the runtime."""
    made = buffers(program, scratch)
    planned, kept = persistent(program, len(scratch), runtime)
    return max(planned + planning(program, len(scratch), len(made), runtime), kept + height(made))


def refused(program: Program) -> list[str]:
    """The parts that the device's component cannot run, or that are not known here, in sentences."""
    every = [(graph, node) for graph in program for node in graph.operators]
    strange = dict.fromkeys(node.kind for _, node in every if node.kind not in KNOWN)
    problems = [f"operator {kind}: its working memory on a device is not known" for kind in strange]
    for graph, node in every:
        if node.kind == "CONV_2D":
            given, weight = (graph.tensors[i].shape for i in node.inputs[:2])
            problems += grouped(given, weight)
    return problems


def grouped(given: tuple[int, ...], weight: tuple[int, ...]) -> list[str]:
    """The reason why a CONV_2D with this input and filter, channels last, is refused; none if it is not.

    Before 1.2.3 ESP-NN reads the whole input with the filter of one group, and computes something else.
    """
    if given[-1] == weight[-1]:
        return []
    groups = given[-1] // weight[-1]
    return [f"a convolution of {given[-1]} channels in {groups} groups, which ESP-NN before 1.2.3 gets wrong"]


def versions() -> str:
    """The versions behind every figure."""
    return f"the greater of esp-nn {' and '.join(esp_nn.VERSIONS)}, with {_COMPONENT}"
