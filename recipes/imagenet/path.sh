# Puts audionas on the PATH: from the clone's own environment if there is one, else the installed command.
export LC_ALL=C PYTHONUNBUFFERED=1
if [ -f ../../setup.sh ]; then
    ../../setup.sh
    . ../../.venv/bin/activate
elif ! command -v audionas >/dev/null; then
    echo "$0: no command audionas: activate the environment that has it (source .venv/bin/activate in a clone)" >&2
    exit 1
fi
