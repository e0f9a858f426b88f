"""`mirage audit`: whether a model is robust, or its gradient is masked."""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mirage.runtime.errors import MirageError


def run(args: argparse.Namespace) -> None:
    """Audit a model; print verdict and table, and end with the exit status of the verdict.

    What a person can mend ends with exit status 2, and nothing is written then.
    """
    try:
        with _progress() as tell:
            _check(args.output)
            tell("starting TensorFlow")
            os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever a user's other programs take
            with _no_notices():
                from mirage.auditing.audited import audit_files
            found = audit_files(
                args.model,
                args.data,
                architecture=args.architecture,
                allow_code=args.allow_code,
                folder=args.data_folder,
                images=args.images,
                epsilon=args.epsilon,
                norm=args.norm,
                range=args.range,
                quick=args.quick,
                queries=args.queries,
                seed=args.seed,
                tell=tell,
            )
            files = found.save(args.output)
    except (MirageError, OSError) as error:
        print(f"audit: {error}", file=sys.stderr)
        sys.exit(2)
    try:
        print(found, "", *files, sep="\n", flush=True)
    except BrokenPipeError:
        # Whoever reads it, such as `head`, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(found.exit_code)


def _check(folder: Path) -> None:
    """Refuse a folder that cannot be written, before anything is measured."""
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise MirageError(f"{there}: it is no folder that can be written. Give another: --output.")


@contextmanager
def _progress() -> Iterator:
    """Yield what tells what is being done: in a line of the terminal, and elsewhere nowhere."""
    stream, began = sys.stderr, time.monotonic()

    def tell(text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        line = f"{time.monotonic() - began:4.0f} s  {text}"[:width]
        print(f"\r\x1b[K{line}", end="", file=stream, flush=True)

    if not stream.isatty():
        yield lambda text: None
        return
    try:
        yield tell
    finally:
        print("\r\x1b[K", end="", file=stream, flush=True)


@contextmanager
def _no_notices() -> Iterator[None]:
    """Keep away what TensorFlow writes while it is loaded, some of it whatever the log level."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
