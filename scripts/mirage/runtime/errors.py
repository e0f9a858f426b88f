"""What a person can mend, and how a script tells of it."""

import functools
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path


class MirageError(Exception):
    """Something is wrong that a person can mend; the message says what, where and how."""


class ArgumentError(MirageError, ValueError):
    """An argument that is not allowed; the message names it, its value and what is allowed."""


def script(main: Callable) -> Callable:
    """Decorate the `main` of a script: log as plain lines, and end with one message for people.

    A `MirageError` or `OSError` ends the process with status 1 and `name: message`, the name being
    that of the script's file. The workflow finds it in the job's log by that. Any other exception
    is a fault of the program: its traceback stays.
    """
    name = Path(main.__code__.co_filename).stem

    @functools.wraps(main)
    def decorated(*arguments: object) -> object:
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        try:
            return main(*arguments)
        except BrokenPipeError:
            # Whoever reads what it prints, such as `head`, has seen enough.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except (MirageError, OSError) as error:
            sys.exit(f"{name}: {error}")

    return decorated
