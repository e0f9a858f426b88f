"""Runs the command: `python -m mirage`, or `python scripts/mirage` where it is not installed."""

import sys
from pathlib import Path

if not __package__:
    # Python has put this folder first, where a room would stand for a package of its name.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mirage.cli.command import main

if __name__ == "__main__":
    main()
