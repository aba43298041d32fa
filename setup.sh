#!/usr/bin/env bash
# Make .venv and install audionas into it; quick when there is nothing to do.
set -euo pipefail

usage='Usage: ./setup.sh [--help]

Makes .venv beside this script with Python 3.11, 3.12 or 3.13 and installs audionas there, with the extras
mini, export, vision and dev, under constraints.txt. A second run finds nothing to do and ends at once;
after an interruption, run it again. It needs no compiler and no system package.

Environment
  AUDIONAS_PYTHON       the interpreter to use; default: the first suitable one on PATH
  AUDIONAS_EXTRAS       further extras, which later calls keep: AUDIONAS_EXTRAS=device,cluster ./setup.sh
  AUDIONAS_TORCH_INDEX  an extra package index for pip.  On Linux, PyPI serves torch with CUDA, several
                        gigabytes; a machine without a GPU needs only a CPU build, from the index that
                        pytorch.org names: AUDIONAS_TORCH_INDEX=https://... ./setup.sh

To start over: rm -r .venv && ./setup.sh'

case "${1:-}" in
  '') ;;
  -h | --help) echo "$usage"; exit 0 ;;
  *) printf "setup.sh: unknown argument '%s'\n\n%s\n" "$1" "$usage" >&2; exit 1 ;;
esac

cd "$(dirname "${BASH_SOURCE[0]}")"
marker=.venv/installed  # written last: a .venv without it is not finished
before=$(cat $marker 2> /dev/null) || true  # its last word are the extras: those of an earlier call stay
extras=$(tr , '\n' <<< "mini,export,vision,dev,${before##* },${AUDIONAS_EXTRAS:-}" | awk 'NF && !seen[$0]++' | paste -sd, -)

candidates=(python3.11 python3.12 python3.13 python3 python)
[[ -n ${AUDIONAS_PYTHON:-} ]] && candidates=("$AUDIONAS_PYTHON")

# Python versions above 3.13 have no ready-made packages for some versions in constraints.txt.
fits() {
  "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' > /dev/null 2>&1
}

# The first suitable interpreter that can make a virtual environment. 3.11 leads because constraints.txt
# was resolved with it.
find_python() {
  local candidate
  for candidate in "${candidates[@]}"; do
    if fits "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  echo "setup.sh: found no Python 3.11, 3.12 or 3.13 with the modules venv and ensurepip" \
    "(tried: ${candidates[*]})." >&2
  echo "Install one from python.org or your system's packages (Debian: python3 and python3-venv)," \
    "or name it: AUDIONAS_PYTHON=/path/to/python3 ./setup.sh" >&2
  return 1
}

# Prints what the installation depends on, the path included: a moved .venv does not work.
state() {
  .venv/bin/python - "$extras" << 'PYTHON'
import hashlib, pathlib, sys
digest = hashlib.sha256()
for name in ("pyproject.toml", "constraints.txt"):
    digest.update(pathlib.Path(name).read_bytes())
print(digest.hexdigest(), sys.version.split()[0], sys.prefix, sys.argv[1])
PYTHON
}

if [[ -f $marker ]] && [[ $(state 2> /dev/null) == "$(cat $marker)" ]]; then
  echo "setup: .venv is up to date"
  exit 0
fi

if [[ ! -x .venv/bin/python ]] || ! .venv/bin/python -m pip --version > /dev/null 2>&1; then
  python=$(find_python)
  echo "setup: making .venv with $("$python" --version) ($python)"
  "$python" -m venv .venv
fi
if ! .venv/bin/python -m pip --version > /dev/null 2>&1 || ! fits .venv/bin/python; then
  echo "setup.sh: .venv has no working pip, or not Python 3.11, 3.12 or 3.13." \
    "Delete it and run setup again: rm -r .venv && ./setup.sh" >&2
  exit 1
fi
rm -f $marker

echo "setup: installing audionas[$extras] under constraints.txt (the first time this takes some minutes, mostly for torch)"
index=(${AUDIONAS_TORCH_INDEX:+--extra-index-url "$AUDIONAS_TORCH_INDEX"})
.venv/bin/python -m pip install --disable-pip-version-check ${index[@]+"${index[@]}"} \
  -c constraints.txt -e ".[$extras]"
state > $marker.part
mv $marker.part $marker
echo "setup: done. Activate with: source .venv/bin/activate"
