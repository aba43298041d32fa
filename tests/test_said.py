"""No file prints around the door that escapes, none builds a command without quotes, and plants are found."""

import ast

import pytest

from tests._house import TREES
from tests._said import unescaped


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
