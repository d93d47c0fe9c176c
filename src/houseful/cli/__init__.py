"""The command line. Commands say what to do and how it went; what they do is elsewhere, imported when it is
needed.

Exit codes: 0 done and well · 1 something was found, or refused · 2 it can't be done as asked (usage,
configuration) · 3 a bug.
"""

from houseful.cli.root import main

__all__ = ["main"]
