"""recipes/README.md: every recipe, only committed numbers, and a walk-through that runs word for word."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from audionas.core.files import read_json
from audionas.data import audio, kaldi
from audionas.run.recipe import names
from tests._factory import tone

RECIPES = Path(__file__).parents[2] / "recipes"
PAGE = RECIPES / "README.md"
BLOCK = re.compile(
    r"(?:`(?P<file>my_recipe/\S+)`:\n\n)?^```(?P<lang>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
WORDS = ("one", "two", "three")
PATIENCE = 600  # seconds before a command that does not move counts as hung


def rows() -> dict[str, list[str]]:
    """The table's cells, by recipe."""
    found = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"\| \[(\w+)\]\((\w+)/README\.md\) \|", line):
            assert match[1] == match[2]
            found[match[1]] = [cell.strip() for cell in line.strip("|").split(" | ")]
    return found


def test_every_recipe_has_a_row_with_its_command() -> None:
    assert sorted(rows()) == names()
    for name, cells in rows().items():
        assert len(cells) == 6, name
        assert cells[-1].strip("`| ").startswith(f"{name}/run.sh"), name


@pytest.mark.parametrize("name", sorted(rows()))
def test_a_number_is_one_that_is_committed(name: str) -> None:
    cell = rows()[name][3]
    numbers = re.findall(r"\d+\.\d+", cell)
    assert numbers or "not measured" in cell
    linked = [PAGE.parent / link for link in re.findall(r"\]\((\S+?\.md)\)", cell)]
    text = "".join(page.read_text(encoding="utf-8") for page in (RECIPES / name / "README.md", *linked))
    assert not [number for number in numbers if number not in text]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `recordings/WORD/SPEAKER_N.wav`."""
    folder = tmp_path_factory.mktemp("ten_minutes")
    for word in WORDS:
        (folder / "recordings" / word).mkdir(parents=True)
        for speaker in range(6):
            for number in range(2):
                wave = tone(word, speaker, number, classes=WORDS, seconds=1.0, rate=16_000).astype(np.float32)
                audio.write(folder / "recordings" / word / f"s{speaker}_{number}.wav", wave, 16_000)
    return folder


@pytest.mark.story
def test_one_of_your_own_runs_as_the_page_says(place: Path, commands: dict[str, str]) -> None:
    said = ""
    for match in BLOCK.finditer(PAGE.read_text(encoding="utf-8")):
        if match["file"]:
            (place / match["file"]).write_text(match["body"], encoding="utf-8")
            continue
        assert match["lang"] == "sh", "a block is a file or commands"
        said += typed(match["body"], place, commands)
    exp = place / "my_recipe" / "exp"
    assert sorted(f.name for f in exp.iterdir()) == ["search_0", "search_1", "tc_resnet8_0"]
    test = kaldi.read(place / "my_recipe" / "data" / "test")
    assert {read_json(run / "eval.json")["n"] for run in exp.iterdir()} == {len(test)}
    assert len(re.findall(r"^recordings/\S+\.wav  ", said, re.MULTILINE)) == len(WORDS) * 6 * 2


def typed(block: str, folder: Path, env: dict[str, str]) -> str:
    """What the commands of a block print; any that fails is an error."""
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout
