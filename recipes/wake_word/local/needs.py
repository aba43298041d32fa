"""Ends with the command that installs them where extras are missing: needs.py EXTRA..."""

import sys

from audionas.core.extras import require
from audionas.core.reporter import script

if __name__ == "__main__":
    with script():
        require(*sys.argv[1:])
