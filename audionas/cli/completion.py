"""Completion in zsh, which typer's script begins only at the second tabulator: the first one loads it."""

OPTIONS = ("--install-completion", "--show-completion")
# zsh takes the file for the body of a function: its first call only defined the one that completes
_AT_ONCE = """
if [ "$funcstack[1]" = "_%(prog_name)s" ]; then
  %(complete_func)s "$@"
fi
"""


def repair() -> None:
    """Let the script that typer installs complete at its first call, too."""
    from typer import _completion_shared as typers  # a part of typer that is not public: only when asked

    typers._completion_scripts["zsh"] = typers.COMPLETION_SCRIPT_ZSH + _AT_ONCE
