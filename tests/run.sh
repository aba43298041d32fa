#!/usr/bin/env bash
# Set up .venv, then run the tests; with --all also formatting, lint, types and the slow tests.
set -euo pipefail

usage='Usage: tests/run.sh [--all] [pytest arguments ...]

  tests/run.sh                     every test that takes seconds; under 20 minutes on 2 cores
  tests/run.sh --all               ruff format, ruff check, mypy, and all tests, the slow ones included
  tests/run.sh tests/unit/data     some of them
  tests/run.sh -k resume -n 0      further arguments go to pytest

Tests that need what this machine lacks (recordings, a GPU, an optional package) are skipped, with the reason.
AUDIONAS_SHARED_DATA names the folder with the real recordings, if there is one.'

cd "$(dirname "${BASH_SOURCE[0]}")/.."
all=false
case "${1:-}" in
  -h | --help) echo "$usage"; exit 0 ;;
  --all) all=true; shift ;;
esac

step() {
  printf '\n== %s\n' "$*"
  "$@"
}

step ./setup.sh
export PATH="$PWD/.venv/bin:$PATH"
export OMP_NUM_THREADS=1  # one process per core: more threads of torch would only wait for each other

selection=(-m "not slow")
if $all; then
  selection=(--durations=25)  # show the slowest tests: all together must stay within half an hour
  step ruff format --check .
  step ruff check .
  step mypy
fi
step python -m pytest -n "${AUDIONAS_TEST_JOBS:-2}" --dist worksteal -rs \
  ${selection[@]+"${selection[@]}"} "$@"
