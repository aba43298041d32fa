"""`audionas listen`: an exported model listens at the microphone, or to a recording; events show live."""

import queue
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from audionas.core.errors import Faults, UserError
from audionas.core.extras import install
from audionas.core.files import require_there
from audionas.core.reporter import Line, Reporter, amount, say, stdout_json
from audionas.data import sound
from audionas.listen.events import Event, Spotter
from audionas.listen.exported import Exported, Tuned, find, tuned
from audionas.listen.hear import tail
from audionas.listen.meter import LevelView
from audionas.models.listener import Listener
from audionas.models.model import load
from audionas.models.names import own
from audionas.models.stream import TorchStream

Sound = Generator[np.ndarray, None, None]  # blocks (n,) float32 in [-1, 1]
Blocks = queue.SimpleQueue[tuple[np.ndarray, bool]]  # a block, and whether sound was lost before it
_WITHOUT = "Without a microphone: --wav FILE"
USUAL = "model.stream.onnx"
_BLOCK = 0.02  # seconds of sound per block
_REDRAW = 0.05  # seconds between redraws


def go(
    folder: Path,
    *,
    file: Path | None = None,
    wav: Path | None = None,
    fast: bool = False,
    threshold: Sequence[str] = (),
    smooth: int | None = None,
    refractory: float | None = None,
    patience: str | None = None,
    as_json: bool = False,
) -> list[Event]:
    """Listen with the exported `file` of a run folder, by default its model.stream.onnx, else with torch.

    The sound is the recording `wav` if given, in real time or `fast`, else the microphone. Thresholds and
    rule are given or tuned; see `tuned`. Raises UserError for anything that cannot be read or opened.
    """
    reporter = Reporter()
    faults = Faults()
    with faults:
        found, listener = opened(folder, file, reporter)
        how = tuned(found, threshold, smooth=smooth, refractory=refractory, patience=patience)
    with faults:
        require_there(wav)
        if fast and wav is None:
            raise UserError("--fast is for a recording", hint="Name one: --wav FILE")
    faults.tell()
    rate, samples = listener.sample_rate, max(1, round(_BLOCK * listener.sample_rate))
    heard = recording(wav, rate, samples, fast=fast) if wav else microphone(rate, samples, reporter)
    if wav and (words := sound.conversion([str(wav)], rate).words(rate)):
        reporter.note(words)
    thresholds = ", ".join(f"{word} {value:.4g}" for word, value in how.thresholds.items())
    reporter.note(f"{how.rule.words()}; thresholds: {thresholds} ({how.origin})")
    reporter.note(f"{found.file.name} listens to {wav or 'the microphone'}; Ctrl-C stops it")
    return listen(listener, how, heard, reporter, around=wav is not None, as_json=as_json)


def opened(folder: Path, file: Path | None, reporter: Reporter) -> tuple[Exported, Listener]:
    """The listener. Without any file it is the model in torch, whose scores equal those of the usual file."""
    usual = own(folder) / "export" / USUAL
    if file or usual.exists():
        found = find(folder, file or Path(USUAL))
        return found, found.listen()
    model = load(folder)
    stream = TorchStream(model.bundle)
    reporter.note(f"{usual} does not exist, so the model runs in torch")
    return Exported(usual.parents[1], model.bundle, usual), stream


def microphone(rate: int, samples: int, reporter: Reporter) -> Sound:
    """Record from the default microphone at `rate` Hz from now on: endless blocks (samples,) float32.

    Raises UserError without the extra `mic`, and where no microphone opens.
    """
    device = _sounddevice()
    heard: Blocks = queue.SimpleQueue()

    def take(block: np.ndarray, _frames: int, _time: Any, status: Any) -> None:
        heard.put((block[:, 0].copy(), bool(status.input_overflow)))

    try:
        stream = device.InputStream(
            samplerate=rate, channels=1, dtype="float32", blocksize=samples, callback=take
        )
        stream.start()
    except (device.PortAudioError, ValueError) as error:
        raise UserError(f"no microphone can be opened at {rate} Hz: {error}", hint=_WITHOUT) from error
    return _recorded(stream, heard, reporter)


def _recorded(stream: Any, heard: Blocks, reporter: Reporter) -> Sound:
    with stream:
        while True:
            block, lost = heard.get()
            if lost:
                reporter.note("sound was lost: this machine cannot keep up")
            yield block


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError as error:
        raise UserError("sounddevice is not installed", hint=f"{install('mic')}\n{_WITHOUT}") from error
    except OSError as error:  # the package is installed, the library that it needs is not
        raise UserError(
            f"sounddevice does not load: {error}", hint=f"Debian: apt install libportaudio2\n{_WITHOUT}"
        ) from error
    return sounddevice


def recording(file: Path, rate: int, samples: int, *, fast: bool) -> Sound:
    """A recording of any rate and number of channels in blocks of `samples`, in real time or `fast`.

    Raises UserError for a file that cannot be read, before the first block.
    """
    return _paced(sound.blocks(str(file), rate), rate, samples, fast=fast)


def _paced(blocks: Iterator[np.ndarray], rate: int, samples: int, *, fast: bool) -> Sound:
    start, heard = time.monotonic(), 0
    for block in blocks:
        for first in range(0, len(block), samples):
            part = block[first : first + samples]
            heard += len(part)
            if not fast:
                time.sleep(max(0.0, start + heard / rate - time.monotonic()))
            yield part


def listen(
    listener: Listener,
    how: Tuned,
    source: Sound,
    reporter: Reporter,
    *,
    around: bool = False,
    as_json: bool = False,
) -> list[Event]:
    """Hear `source` to its end, or until Ctrl-C, and report what fires. Returns all events.

    With `around` there is silence before it, as long as the warm-up, and after it, as in `detect`, for
    recordings with a word at their very start or end. Events go to standard output; `as_json` writes one JSON
    document per line. On a terminal they appear above a live view of the scores.
    """
    live = reporter.terminal and sys.stdout.isatty() and not as_json
    tell: Callable[[str], None] = reporter.note if live else say
    spotter = Spotter(listener, how.thresholds, how.rule)
    meter = LevelView(listener, how.thresholds)
    events: list[Event] = []
    drawn = lead = 0.0
    if around:
        spotter.step(listener.step(np.zeros(listener.warm_up * listener.hop, np.float32)))
        lead = listener.warm_up * listener.hop / listener.sample_rate

    def fire(new: list[Event]) -> list[Event]:
        new = [event._replace(seconds=event.seconds - lead) for event in new]
        events.extend(new)
        for event in new:
            if as_json:
                stdout_json(_plain(event), indent=None)
            else:
                tell(_sentence(event))
        return new

    screen: AbstractContextManager[Callable[[list[Line]], None] | None]
    screen = reporter.live() if live else nullcontext()
    with screen as show, _until_interrupted(), closing(source):
        for samples in source:
            scores = listener.step(samples)
            meter.take(samples, scores, fire(spotter.step(scores)))
            if show and time.monotonic() - drawn >= _REDRAW:
                show(meter.lines())
                drawn = time.monotonic()
    if around:
        fire(spotter.step(listener.step(tail(listener))))
    reporter.note(f"heard {meter.seconds:.1f} s: {amount(len(events), 'event')}")
    return events


@contextmanager
def _until_interrupted() -> Iterator[None]:
    """Let Ctrl-C end listening without an error."""
    try:
        yield
    except KeyboardInterrupt:
        return


def _plain(event: Event) -> dict[str, str | float]:
    return {"seconds": round(event.seconds, 4), "keyword": event.keyword, "score": round(event.score, 6)}


def _sentence(event: Event) -> str:
    return f"{event.seconds:9.2f} s  {event.keyword}  {event.score:.3f}"
