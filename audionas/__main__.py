"""`python -m audionas` is `audionas`."""

from audionas.cli import run

if __name__ == "__main__":
    run()
