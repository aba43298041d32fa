"""A causal network as an ONNX file that takes one step, with its states as inputs and outputs."""

from pathlib import Path

from audionas.export import onnx
from audionas.models.bundle import ModelBundle
from audionas.models.stream import Input, StreamStep
from audionas.nn.streaming import Pooling


def export(
    bundle: ModelBundle,
    out: Path,
    *,
    input: Input = "waveform",
    pool: Pooling = "window",
    hops: int = 1,
) -> None:
    """Write `out`, an ONNX file that takes one step of `hops` hops, with fixed shapes and batch 1.

    Several hops in a call cost less than as many calls: most of the time of one goes into starting operators.
    Their scores, (hops, classes), then come together.

    Inputs: `samples` and `sound`, or `frames`, then the states under their names. Outputs: `scores`, then
    each state's next value under its name and `_next`. In the metadata: labels, arch, sample_rate,
    hop_samples (from one score to the next), hops, warm_up (scores), input. Raises UserError like StreamStep,
    and without the extra `export`.
    """
    step = StreamStep(bundle, input=input, pool=pool)
    facts = {
        "labels": "\n".join(bundle.labels),
        "arch": bundle.spec.id,
        "sample_rate": str(step.sample_rate),
        "hop_samples": str(step.hop_samples),
        "hops": str(hops),
        "warm_up": str(step.warm_up),
        "input": input,
    }
    first = "samples" if input == "waveform" else "frames"
    onnx.save(
        step,
        (step.example(hops), *step.start()),
        out,
        inputs=[first, *step.names],
        outputs=["scores", *(f"{name}_next" for name in step.names)],
        facts=facts,
    )
