"""Ends with the command that installs them where extras are missing: needs.py EXTRA..."""

import sys

from audionas.core.errors import UserError
from audionas.core.extras import require

if __name__ == "__main__":
    try:
        require(*sys.argv[1:])
    except UserError as error:
        sys.exit(f"error: {error}")
