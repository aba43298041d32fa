"""The page in a real browser: it fires on the word, stays silent otherwise, and scores as Python does."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from audionas.core.report import Reporter
from audionas.data import audio
from audionas.run import demo_web
from audionas.run._events import Spotter
from audionas.run._exported import find
from audionas.run._tuned import tuned
from tests._chromium import Page, browser, chromium
from tests._page import SOUNDS, runtime, served

MIC = "document.getElementById('mic')"
STATUS = "document.getElementById('status').textContent"
EVENTS = "document.querySelectorAll('#events li').length"


@pytest.fixture(scope="module")
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with its page."""
    if chromium() is None:
        reason = "chromium is not installed (Debian: apt install chromium)"
        pytest.fail(reason) if os.environ.get("AUDIONAS_BROWSER") else pytest.skip(reason)
    kept = runtime()
    made = request.getfixturevalue("made_run")  # not before it is known that there is a browser
    folder = shutil.copytree(made, tmp_path_factory.mktemp("page") / "made")
    web = demo_web.write(folder, Reporter(quiet=True), runtime=kept)
    for name in SOUNDS:
        shutil.copyfile(folder / name, web / name)
    return folder


@pytest.fixture(scope="module")
def page(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A browser whose microphone hears the word again and again."""
    flags = ("--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={run / 'yes.wav'}")
    with browser(tmp_path_factory.mktemp("profile"), *flags) as opened:
        yield opened


@pytest.fixture(scope="module")
def address(run: Path) -> Iterator[str]:
    with served(run / "web") as there:
        yield there


def test_page_fires_on_the_word_only_and_scores_as_python(run: Path, page: Page, address: str) -> None:
    found = find(run)
    how = tuned(found)
    for name, parts in SOUNDS.items():
        page.open(f"{address}/?file={name}")
        told = page.until(f"window.result?.file === '{name}' && window.result")
        assert "error" not in told, told
        listener = found.listen()
        scores = listener.step(audio.read(run / name, rate=listener.sample_rate, seconds=None))
        assert len(scores) > 2 * listener.warm_up
        np.testing.assert_allclose(np.array(told["scores"]), scores, atol=1e-3)
        events = Spotter(listener, how.thresholds, how.rule).step(scores)
        assert [(e["keyword"], pytest.approx(e["seconds"])) for e in told["events"]] == [
            (event.keyword, event.seconds) for event in events
        ]
        assert bool(events) == bool(parts["words"])
        assert page.evaluate(EVENTS) == len(events)
        assert page.evaluate("JSON.parse(document.getElementById('result').textContent).file") == name
        assert page.evaluate("crossOriginIsolated")
    assert page.logged == []


def test_microphone_is_heard_live(page: Page, address: str) -> None:
    page.send("Browser.setPermission", permission={"name": "microphone"}, setting="granted", origin=address)
    page.open(f"{address}/")
    page.until(f"{MIC} && !{MIC}.disabled")
    page.evaluate(f"{MIC}.click()")
    page.until(EVENTS)
    assert page.evaluate("document.getElementById('word').textContent") == "word"
    assert page.evaluate(STATUS) == "Listening."
    page.evaluate(f"{MIC}.click()")
    assert page.evaluate(STATUS) == "Stopped."
    assert page.evaluate(f"{MIC}.textContent") == "Use the microphone"
    assert page.logged == []


def test_recording_played_in_real_time_has_the_events_of_one_scored_at_once(page: Page, address: str) -> None:
    page.open(f"{address}/?file=yes.wav")
    told = page.until("window.result?.file && window.result")
    heard = page.evaluate("document.getElementById('events').textContent")
    assert heard
    page.evaluate("document.getElementById('clear').click()")
    assert page.evaluate(EVENTS) == 0
    page.evaluate("document.getElementById('play').click()")
    many = len(told["events"])
    end = page.until(f"{STATUS}.startsWith('Played') && {STATUS}")
    assert end == f"Played to its end: {many} event{'' if many == 1 else 's'}."
    assert page.evaluate("document.getElementById('events').textContent") == heard
    assert page.logged == []


def test_what_goes_wrong_is_said_in_words(page: Page, address: str) -> None:
    page.open(f"{address}/?file=none.wav")
    told = page.until("window.result?.file === 'none.wav' && window.result")
    assert told["error"] == page.evaluate(STATUS) == "none.wav cannot be fetched: the server answers 404."
    page.evaluate(
        "(() => { const given = new DataTransfer(), choose = document.getElementById('choose');"
        "given.items.add(new File(['no sound'], 'letter.wav')); choose.files = given.files;"
        "choose.dispatchEvent(new Event('change')); })()"
    )
    page.until(f"{STATUS}.includes('no recording that this browser can decode')")
    page.send("Browser.setPermission", permission={"name": "microphone"}, setting="denied", origin=address)
    page.evaluate(f"{MIC}.click()")
    page.until(f"{STATUS}.includes('was not allowed')")
    assert page.evaluate("document.getElementById('status').classList.contains('bad')")
