"""The one door for archives: `download` fetches, `tar` and `zip` open, `listing` checks, `archive` writes."""
