"""Folders of sound: nothing that looks like sound is left out without a word, whoever lists the folder."""

import ast
from pathlib import Path

import numpy as np
import pytest

from audionas.core.errors import UserError
from audionas.data import audio, readers, responses
from audionas.data.files import listing
from audionas.listen.sounds import recordings
from audionas.prep import speech_commands
from audionas.prep.wake import sources
from tests._house import ROOT
from tests.unit.cli._command import done

WAVE = np.sin(np.arange(1600) / 9).astype(np.float32) / 2


def sound(path: Path) -> Path:
    audio.write(path, WAVE, 16000)
    return path


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, on a machine without ffmpeg."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def test_what_is_left_out_is_counted_and_named(alone: Path) -> None:
    kept = [sound(alone / name) for name in ("a.wav", "deep/B.WAV")]
    (alone / "deep" / "c.W64").write_bytes(b"")
    for name in (
        "x.m4a",
        "y.M4A",
        "z.webm",
        "raw.pcm",
        "._a.wav",
        "__MACOSX/a.wav",
        ".git/a.wav",
        "notes.txt",
    ):
        (alone / name).parent.mkdir(exist_ok=True)
        (alone / name).write_bytes(b"x")
    (alone / "gone.wav").symlink_to(alone / "nowhere")
    (alone / "folder.wav").mkdir()
    (alone / "deep" / "up").symlink_to(alone)
    said: list[str] = []
    assert listing.sounds(alone, said.append) == sorted([*kept, alone / "deep" / "c.W64"])
    assert sorted(line.removeprefix(f"{alone}: left out: ") for line in said) == [
        "1 .pcm file (such as raw.pcm): samples without a header: convert them to WAV",
        "1 .wav file (such as gone.wav): no files, or links to nothing",
        "1 folder (such as deep/up): links to a folder around them",
        "2 .m4a files, 1 .webm file (such as x.m4a): only ffmpeg reads them: install ffmpeg "
        "(Debian: apt install ffmpeg; macOS: brew install ffmpeg)",
        "3 .wav files (such as ._a.wav): hidden, or written by macOS beside the sound",
    ]


def test_links_to_other_folders_are_followed(alone: Path, tmp_path: Path) -> None:
    sound(tmp_path / "elsewhere" / "a.wav")
    (alone / "linked").symlink_to(tmp_path / "elsewhere")
    assert listing.sounds(alone) == [alone / "linked" / "a.wav"]


def test_only_the_folder_itself(alone: Path) -> None:
    sound(alone / "a.wav")
    sound(alone / "deep" / "b.wav")
    assert listing.sounds(alone, deep=False) == [alone / "a.wav"]
    assert listing.holds(alone)
    assert not listing.holds(alone.parent)


def test_a_folder_that_cannot_be_read_is_an_error(alone: Path) -> None:
    with pytest.raises(UserError, match="nowhere: cannot be read"):
        listing.sounds(alone / "nowhere")


def listers(folder: Path) -> dict[str, object]:
    """Everything that looks for sound, given a folder with one .wav and one .m4a in each folder of a word."""
    return {
        "prep folder": lambda: readers.folder(folder),
        "wake word": lambda: sources.scan(folder),
        "protocol": lambda: speech_commands.scan(folder),
        "noise": lambda: speech_commands.noise_files(folder),
        "responses": lambda: responses.read_folder(folder / "yes", 16000, "augment.device_ir"),
        "detect, tune, mine": lambda: recordings(folder),
    }


@pytest.mark.parametrize("name", sorted(listers(Path())))
def test_whoever_lists_says_what_it_leaves_out(
    alone: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for word in ("yes", "_background_noise_"):
        (sound(alone / word / "0a1b2c3d_nohash_0.wav")).with_suffix(".m4a").write_bytes(b"x")
    listers(alone)[name]()  # type: ignore[operator]
    assert ".m4a file" in capsys.readouterr().err


def test_sound_beside_the_folders_of_classes_is_named(alone: Path) -> None:
    for name in ("yes/a.wav", "no/b.wav", "c.wav", "d.wav"):
        sound(alone / name)
    said: list[str] = []
    assert len(readers.folder(alone, say=said.append)) == 2
    assert said == [f"{alone}: left out: 2 .wav files (such as c.wav): in no folder of a class"]


def test_prep_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    for number in range(6):
        audio.write(tmp_path / "in" / ("yes", "no")[number % 2] / f"{number}.wav", WAVE / (1 + number), 16000)
    (tmp_path / "in" / "yes" / "phone.m4a").write_bytes(b"x")
    assert (
        "left out: 1 .m4a file (such as yes/phone.m4a)"
        in done("prep", "folder", tmp_path / "in", tmp_path / "out").err
    )


WALKS = {  # who else walks through folders, and why no sound is overlooked there
    "audionas/data/files/listing.py": "the one that lists sound",
    "audionas/data/groups.py": "files utt2NAME",
    "audionas/prep/intake.py": "the copies that it made",
    "audionas/prep/packs/tables.py": "transcripts",
    "audionas/prep/wake/described.py": "tables of files",
    "audionas/prep/wake/sources.py": "tables of donors",
    "audionas/prep/speech_commands.py": "folders of a tree",
    "audionas/prep/tau2022.py": "folders of a corpus, whose table names the files",
    "audionas/prep/ilsvrc.py": "images",
    "audionas/prep/voices.py": "voices of eSpeak NG",
    "audionas/data/readers.py": "folders of classes",
    "audionas/listen/sounds.py": "whether there are folders",
    "audionas/listen/exported.py": "exported files",
    "audionas/listen/mined.py": "whether a folder is empty",
    "audionas/listen/web/page.py": "the files of the page",
    "data_prep/speech_commands.py": "folders of a tree, and lists",
    "data_prep/esc10.py": "names every file that is no clip",
    "data_prep/mini.py": "the clips that it made",
}
WALKERS = {"rglob", "glob", "iterdir", "walk", "scandir", "listdir"}


def test_no_other_code_looks_for_sound_in_folders() -> None:
    rooms = ("audionas/data", "audionas/prep", "audionas/listen", "audionas/inputs", "data_prep")
    files = [file for room in rooms for file in sorted((ROOT / room).rglob("*.py"))]
    walking, suffixes = set(), set()
    for file in files:
        name = file.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in WALKERS:
                walking |= {name}
            if "SUFFIXES" in (getattr(node, "attr", ""), getattr(node, "id", "")):
                suffixes.add(name)
    assert walking == set(WALKS)
    assert suffixes == {
        "audionas/data/files/listing.py",
        "audionas/data/audio.py",
        "audionas/data/files/ffmpeg.py",
    }
