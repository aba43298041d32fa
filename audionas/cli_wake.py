"""The commands of a model that listens; they stand beside all others at the top."""

import typer

wake_app = typer.Typer()
