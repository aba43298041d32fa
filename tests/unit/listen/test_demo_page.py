"""The page in a real browser: it fires on the word, stays silent otherwise, and scores as Python does."""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audionas.core.files import read_json, write_json
from audionas.core.reporter import Reporter
from audionas.data import audio
from audionas.features import Features
from audionas.listen.detect import Found, detect
from audionas.listen.exported import find
from audionas.listen.hear import around
from audionas.listen.web.page import write
from tests import _wake
from tests._chromium import Page, browser, chromium
from tests._hostile import unseen
from tests._page import SOUNDS, exported, facts, runtime, served, untuned

pytestmark = pytest.mark.story
MIC = "document.getElementById('mic')"
STATUS = "document.getElementById('status').textContent"
EVENTS = "document.querySelectorAll('#events li').length"
SCORE = "document.querySelector('.meter:not(.level) .value').textContent"
MARKS = "document.querySelectorAll('.mark').length"


@pytest.fixture(scope="module")
def kept() -> Path:
    """The runtime of a page, where there is a browser too."""
    if chromium() is None:
        reason = "chromium is not installed (Debian: apt install chromium)"
        pytest.fail(reason) if os.environ.get("AUDIONAS_BROWSER") else pytest.skip(reason)
    return runtime()


def paged(made: Path, folder: Path, kept: Path) -> Path:
    """A copy of a run folder with its page, and the sounds beside it."""
    shutil.copytree(made, folder)
    web = write(folder, Reporter(quiet=True), runtime=kept)
    for name in SOUNDS:
        shutil.copyfile(folder / name, web / name)
    return folder


@pytest.fixture(scope="module")
def run(kept: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with its page."""
    made = request.getfixturevalue("made_run")  # not before it is known that there is a browser
    return paged(made, tmp_path_factory.mktemp("page") / "made", kept)


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


def scored(page: Page, address: str, name: str) -> dict[str, Any]:
    """What the page makes of a recording that lies beside it."""
    page.open(f"{address}/?file={name}")
    told: dict[str, Any] = page.until(f"window.result?.file === '{name}' && window.result")
    assert "error" not in told, told
    return told


def plain(found: Iterable[Found]) -> list[tuple[str, Any]]:
    """Events as `audionas detect` finds them, to be compared with the page's."""
    return [(each.event.keyword, pytest.approx(each.event.seconds)) for each in found]


def test_page_fires_on_the_word_only_and_scores_as_python(run: Path, page: Page, address: str) -> None:
    as_python(run, page, address)
    assert page.evaluate(MARKS) == 1  # the threshold that was tuned
    assert page.evaluate("document.getElementById('legend').textContent").endswith("dashed: the threshold")


def test_page_hears_the_devices_front_end_as_python(kept: Path, page: Page, tmp_path: Path) -> None:
    """A model that takes frames of `micro`, which the page computes itself: how recipes/wake_word ends."""
    pytest.importorskip("pymicro_features", reason="needs the extra device")
    made = exported(tmp_path / "made", Features(name="micro", preset="esphome"), clips=1024, steps=128)
    folder = paged(made, tmp_path / "micro", kept)
    assert facts(folder / "web")["input"]["name"] == "frames"
    with served(folder / "web") as address:
        as_python(folder, page, address)
        page.evaluate("document.getElementById('clear').click()")
        page.evaluate("document.getElementById('play').click()")
        assert page.until(f"{STATUS}.startsWith('Played') && {STATUS}") == "Played to the end: 0 events."


def test_page_of_a_model_that_nobody_tuned_shows_scores_and_no_threshold(
    run: Path, page: Page, kept: Path, tmp_path: Path
) -> None:
    folder = untuned(run, tmp_path / "fresh")
    write(folder, Reporter(quiet=True), runtime=kept)
    with served(folder / "web") as address:
        page.send(
            "Browser.setPermission", permission={"name": "microphone"}, setting="granted", origin=address
        )
        page.open(f"{address}/")
        page.until(f"location.origin === '{address}' && {MIC} && !{MIC}.disabled")
        page.evaluate(f"{MIC}.click()")
        page.until(f"Number({SCORE}) > 0")  # a first score
        assert page.evaluate(MARKS) == 0
        legend, about = page.evaluate(
            "['legend', 'about'].map((id) => document.getElementById(id).textContent)"
        )
        assert "dashed" not in legend
        assert "no threshold was tuned" in legend
        assert "Thresholdsnot tuned, so 0.5" in about
        page.evaluate(f"{MIC}.click()")
    assert page.logged == []


def as_python(run: Path, page: Page, address: str) -> None:
    """The page's scores and events of both sounds are Python's, and only the word is one."""
    found = find(run)
    for name, parts in SOUNDS.items():
        told = scored(page, address, name)
        listener = found.listen()
        sound = audio.read(run / name, rate=listener.sample_rate, seconds=None)
        scores = np.concatenate([listener.step(piece) for piece in around(listener, [sound])])
        np.testing.assert_allclose(np.array(told["scores"]), scores[listener.warm_up :], atol=1e-3)
        events = plain(detect(run, [run / name]))
        assert [(e["keyword"], e["seconds"]) for e in told["events"]] == events
        assert bool(events) == bool(parts["words"])
        assert page.evaluate(EVENTS) == len(events)
        assert page.evaluate("JSON.parse(document.getElementById('result').textContent).file") == name
        assert page.evaluate("crossOriginIsolated")
    assert page.logged == []


def test_recording_shorter_than_the_warm_up_has_the_events_that_detect_finds(
    run: Path, page: Page, address: str
) -> None:
    """The word fills it: without silence before and after it nothing would count."""
    listener = find(run).listen()
    sound = _wake.audio(0.55, [0.05])
    assert len(sound) < listener.warm_up * listener.hop
    for folder in (run, run / "web"):
        audio.write(folder / "short.wav", sound, _wake.RATE)
    events = plain(detect(run, [run / "short.wav"]))
    assert [keyword for keyword, _ in events] == ["word"]
    told = scored(page, address, "short.wav")
    assert [(e["keyword"], e["seconds"]) for e in told["events"]] == events
    assert page.evaluate(STATUS) == "Scored 0.6 s of sound: 1 event."
    page.evaluate("document.getElementById('play').click()")
    assert page.until(f"{STATUS}.startsWith('Played') && {STATUS}") == "Played to the end: 1 event."
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
    assert end == f"Played to the end: {many} event{'' if many == 1 else 's'}."
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
    page.until(f"{STATUS}.includes('cannot decode that file')")
    page.send("Browser.setPermission", permission={"name": "microphone"}, setting="denied", origin=address)
    page.evaluate(f"{MIC}.click()")
    page.until(f"{STATUS}.includes('blocked the microphone')")
    assert page.evaluate("document.getElementById('status').classList.contains('bad')")


def test_a_hostile_label_is_text(run: Path, page: Page, tmp_path: Path) -> None:
    web = shutil.copytree(run / "web", tmp_path / "web")
    told = read_json(web / "model.json")
    name = "a\x1b[31m<b>\u202e[x"
    told["keywords"][0]["name"] = told["labels"][0] = told["name"] = name
    write_json(web / "model.json", told)
    with served(web) as address:
        scored(page, address, next(name for name, parts in SOUNDS.items() if parts["words"]))
        title, words = page.evaluate("[document.title, document.body.innerText]")
    assert not unseen(title + words)
    assert "a\\u001b[31m<b>\\u202e[x" in title
    assert words.count("a\\u001b[31m<b>\\u202e[x") >= 6  # title, facts, meter, legend, lamp, event
