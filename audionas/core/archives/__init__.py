"""The one door for archives: `tar` and `zip` open them, `listing` checks, `archive` writes what was said."""
