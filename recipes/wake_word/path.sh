# Puts audionas on the PATH: the clone's own environment where there is one, else what is installed.
export LC_ALL=C PYTHONUNBUFFERED=1
if [ -f ../../setup.sh ]; then
    ../../setup.sh
    . ../../.venv/bin/activate
elif ! command -v audionas >/dev/null; then
    echo "$0: audionas is not installed; pip install audionas" >&2
    exit 1
fi
