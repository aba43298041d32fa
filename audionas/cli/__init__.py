"""The command line: arguments only."""

from audionas.cli.build import run

__all__ = ["run"]
