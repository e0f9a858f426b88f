"""Files written whole or not at all."""

import contextlib
import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mirage.runtime.errors import MirageError


class WriteError(MirageError, OSError):
    """A file that cannot be written; the message names it and says why and what to do."""


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed onto it when the block ends without error.

    A reader sees the old file or the whole new one, never a part. On any exception, an interrupt
    included, the temporary file is removed and `path` is left as it was. The folder is created.

    Only a killed process leaves its temporary file. The next one that writes `path` removes it.
    Where two write at once, as when only the Snakemake of the first was killed, the last one
    replaces what the other wrote. On two nodes of a cluster one may fail for want of its temporary
    file, since neither can see that the other lives; it harms nothing.

    The temporary name ends in the whole name of the target, so that writers which look at the
    suffix (`.png`, `.npz`, `.weights.h5`) treat both alike.

    Raises:
        WriteError: There is no room for the file, or no permission to write it.
    """
    path = Path(path)
    # In the same folder, since a rename is atomic only within one file system.
    temporary = path.with_name(f".{os.getpid()}.tmp.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for other in path.parent.glob(f".*.tmp.{glob.escape(path.name)}"):
            if not _lives(other.name.split(".")[1]):
                other.unlink(missing_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        # A full disk names no file. Any other file is one that the block reads.
        if error.filename and Path(os.fsdecode(error.filename)) not in (temporary, *path.parents):
            raise
        raise WriteError(
            f"{path}: cannot be written ({error.strerror or error}). Make room on its disk, or see "
            "to the permissions of its folder, and run again: what is finished is kept."
        ) from error
    finally:
        # Where nothing can be written, nothing can be removed, and there is nothing.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _lives(process: str) -> bool:
    """Whether a process with this number runs on this machine."""
    try:
        os.kill(int(process), 0)
    except (ValueError, OverflowError, ProcessLookupError):
        return False
    except PermissionError:  # another user's
        pass
    return True
