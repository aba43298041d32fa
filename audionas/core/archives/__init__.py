"""The one door for archives: `tar` and `zip` open one, `listing` checks it, `archive` writes what was said."""
