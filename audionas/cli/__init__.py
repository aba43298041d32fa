"""The command line: arguments only."""

from audionas.cli.app import run

__all__ = ["run"]
