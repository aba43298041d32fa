"""The number of files that two walks pass: python benchmarks/walks.py FOLDER (new), in about ten seconds.

1. A batch, from the first line of wav.scp to the first loss of a search.
2. A network, from the finished supernet to a verified ONNX file: derive, train, export.

sys.setprofile gives two counts in this process. `called`: files with a function that is called on the way,
for any purpose. `carried`: those whose functions receive the thing itself, which a reader opens to follow it
(data directories, arrays and tensors of clips for a batch; modules, architectures and bundles for a network).
"""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from torch import Tensor, nn  # noqa: E402

import audionas  # noqa: E402
from audionas.config import load  # noqa: E402
from audionas.core.arch import ArchSpec  # noqa: E402
from tests._factory import config, tones  # noqa: E402

PACKAGE = Path(audionas.__file__).parent
BATCH = ("DataDir", "Item", "Waves", "Shards", "Batch", "Block")  # in addition to arrays and tensors
Place = tuple[str, str]  # a file of the library and a function in it


class Walk(NamedTuple):
    """The files of a walk in order of first visit."""

    called: list[str]
    carried: list[str]


def walk(work: Callable[[], Any], first: Place, last: Place, carries: Callable[[Any], bool]) -> Walk:
    """The files passed while `work` runs, from the call of `first` to the return of `last`."""
    called: dict[str, None] = {}
    carried: dict[str, None] = {}
    state = "before"

    def note(frame: FrameType, event: str, _: Any) -> None:
        nonlocal state
        code = frame.f_code
        if not code.co_filename.startswith(str(PACKAGE)) or code.co_name.startswith("<"):
            return
        place = (str(Path(code.co_filename).relative_to(PACKAGE)), code.co_name)
        if event == "call" and state == "before" and place == first:
            state = "on"
        if event == "call" and state == "on":
            called.setdefault(place[0])
            if place[0] not in carried and any(map(carries, list(frame.f_locals.values()))):
                carried.setdefault(place[0])
        if event == "return" and state == "on" and place == last:
            state = "after"

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    assert state == "after", f"{last} was not reached from {first}"
    return Walk(list(called), list(carried))


def is_batch(value: Any) -> bool:
    """True for clips in any form, on the way to the network."""
    if isinstance(value, np.ndarray | Tensor):
        return value.ndim > 0
    return type(value).__name__ in BATCH


def is_network(value: Any) -> bool:
    """True for a network: a module, an architecture, or a trained model."""
    return isinstance(value, nn.Module | ArchSpec) or type(value).__name__ in ("ModelBundle", "Model")


def main(folder: Path) -> None:
    """Print both walks with their files."""
    from audionas.run.export import export
    from audionas.run.search import search
    from audionas.run.train import train

    conf = config(tones(folder / "data"), device="cpu")

    def to_a_file() -> None:
        search(load(conf, ["name=again"]))
        train(load(conf, ["name=again"]))
        export(folder / "exp" / "again")

    step, derive = ("methods/_bilevel.py", "step"), ("methods/_bilevel.py", "derive")
    batch = walk(lambda: search(load(conf)), ("data/kaldi.py", "read"), step, is_batch)
    network = walk(to_a_file, derive, ("run/export.py", "export"), is_network)
    for title, found in (("a batch, wav.scp to loss", batch), ("a network, supernet to ONNX", network)):
        print(f"{title}: called {len(found.called)} files, carried through {len(found.carried)}")
        print("".join(f"  {'*' if file in found.carried else ' '} {file}\n" for file in found.called))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
