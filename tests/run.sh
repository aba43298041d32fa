#!/usr/bin/env bash
# Set up .venv, then run a tier of the tests; with --all all of them, and formatting, lint and types before them.
set -euo pipefail

usage='Usage: tests/run.sh [--laws | --story | --all | --nightly] [--changed] [pytest arguments ...]

  tests/run.sh                     fast: what has no marker of a tier; 240 CPU seconds, two minutes on 2 cores
  tests/run.sh --laws              laws: every method on every space, every operation, samplers with many draws
  tests/run.sh --story             story: recipes, the browser, Ray, torchrun, commands in processes of their own
  tests/run.sh --all               ruff format, ruff check, mypy, and these three; 40 minutes on 2 cores at most
  tests/run.sh --nightly           nightly: what takes longer than --all may; as .ci/nightly runs it
  tests/run.sh --changed           of the fast tier (or the one named), the tests of what differs from main,
                                   by mirrored path: audionas/run/ship/int8.py has tests/unit/run/ship/test_int8.py,
                                   or else all of tests/unit/run/ship; changed tests; the layers and the documentation
  tests/run.sh tests/unit/data     some of the fast tests
  tests/run.sh -k resume -n 0      further arguments go to pytest

The last lines list the CPU seconds of each tier and its most expensive tests. With AUDIONAS_CPU_LIMIT=1, as under
make check, a fast test that takes over one fails; otherwise time decides nothing. AUDIONAS_CPU_LOG is a file for all
the numbers.
AUDIONAS_TEST_JOBS is the number of processes, 2 if not set.

tests/torture draws its tries by AUDIONAS_TORTURE_SEED, 0 if not set; AUDIONAS_TORTURE_TRIES is their number for each
test, AUDIONAS_TORTURE_LOG a file that gets a line for each. A try that is lost says the command that repeats it.

Tests that need what this machine lacks (recordings, a GPU, an optional package) are skipped, with the reason.
AUDIONAS_SHARED_DATA names the folder with the real recordings, if there is one.'

cd "$(dirname "${BASH_SOURCE[0]}")/.."
tier=fast changed=false
while (($#)); do
  case "$1" in
    -h | --help) echo "$usage"; exit 0 ;;
    --laws | --story | --all | --nightly) tier=${1#--} ;;
    --changed) changed=true ;;
    *) break ;;
  esac
  shift
done

step() {
  printf '\n== %s\n' "$*"
  "$@"
}

step ./setup.sh
export PATH="$PWD/.venv/bin:$PATH"
export OMP_NUM_THREADS=1  # one process per core: more threads of torch would only wait for each other

case $tier in
  fast) selection="not laws and not story and not nightly" ;;
  laws) selection="laws and not story and not nightly" ;;
  story) selection="story and not nightly" ;;
  nightly) selection="nightly" ;;
  all) selection="not nightly" ;;
esac
if [[ $tier == all ]]; then
  step ruff format --check .
  step ruff check .
  step mypy
fi
paths=()
if $changed; then
  listed=$(python -m tests._changed)
  while read -r path; do paths+=("$path"); done <<< "$listed"
fi
step python -m pytest -n "${AUDIONAS_TEST_JOBS:-2}" --dist worksteal -rs -m "$selection" \
  ${paths[@]+"${paths[@]}"} "$@"
