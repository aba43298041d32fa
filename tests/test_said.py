"""No file prints around the door that escapes, none builds a command without quotes, and plants are found."""

import ast
from pathlib import Path

import pytest

from tests._house import ROOT, TREES
from tests._said import misnamed, unescaped


def test_what_is_printed_is_escaped_and_commands_are_quoted() -> None:
    assert [b for f, tree in TREES.items() for b in unescaped(f, tree)] == []


@pytest.mark.parametrize(
    "code",
    [
        "print(label)",
        "sys.stdout.write(label)",
        "hint = f'audionas export {folder}'",
        "hint = f'Tune first: audionas tune {folder} --negatives {command(other)}'",
        "hint = f'See: audionas list {kind}s'",
        "hint = f'next: cd {folder} && ./run.sh'",
        "hint = f'next: recipes/x/run.sh --src {archive}'",
        "hint = f'Train again with data.train={folder}'",
        "hint = f'audionas train CONF arch={file}'",
        "hint = f'audionas train CONF {command(word)} \\'{folder}\\''",
        "hint = 'audionas export ' + folder",
        "hint = 'audionas export %s' % folder",
        "hint = 'audionas export {}'.format(folder)",
    ],
)
def test_a_planted_print_and_a_planted_command_are_found(code: str) -> None:
    assert len(unescaped("run/x.py", ast.parse(code))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "say(label)",
        "hint = command('audionas', 'export', folder)",
        "hint = f'{command(1, folder)} --target all'",
        "hint = f'Try: audionas train CONF {setting(key, folder)}'",
        "hint = f'audionas needs no network. {name} has none'",
        "hint = f'data.seconds={seconds:g} hears all'",
        "hint = 'See: audionas list ' 'zoo'",
    ],
)
def test_what_is_escaped_or_quoted_is_no_breach(code: str) -> None:
    assert unescaped("run/x.py", ast.parse(code)) == []


def test_no_file_names_a_command_that_would_install_audionas_from_an_index() -> None:
    """No index has it: `install` of core/extras.py tells the command for a clone and for a wheel."""
    kept = [file for kind in ("py", "md", "sh") for file in ROOT.rglob(f"*.{kind}") if ours(file)]
    assert len(kept) > 500
    found = {str(file): misnamed(file.read_text(encoding="utf-8")) for file in kept}
    assert {file: lines for file, lines in found.items() if lines} == {}


def ours(file: Path) -> bool:
    """True for files of the project, but for this one, which plants what it looks for."""
    inside = file.relative_to(ROOT)
    return file != Path(__file__) and not any(
        part.startswith(".") or part in ("exp", "data", "build") for part in inside.parts[:-1]
    )


@pytest.mark.parametrize(
    "line",
    [
        "pip install audionas",
        'pip install "audionas[device]"',
        "hint='pip install \"audionas[mini]\"'",
        "python -m pip install 'audionas[cluster]'",
        "pip install -c constraints.txt 'audionas[dev]'",
        'echo "pip install \\"audionas[vision,export]\\""',
        "uv add audionas",
    ],
)
def test_a_planted_installation_is_found(line: str) -> None:
    assert misnamed(line) == [line[line.index("pip" if "pip" in line else "uv") :]]


@pytest.mark.parametrize(
    "line",
    [
        'pip install ".[mini,export]"',
        "pip install -c constraints.txt -e '.[cluster]'",
        "`pip install` includes audionas without a clone",
        "pip install dist/audionas-0.1.0-py3-none-any.whl",
        "pip install sounddevice   # audionas listens then",
    ],
)
def test_what_installs_is_no_breach(line: str) -> None:
    assert misnamed(line) == []
