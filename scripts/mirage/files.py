"""Files written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed onto it when the block ends without error.

    A reader sees the old file or the whole new one, never a part. On any exception, an interrupt
    included, the temporary file is removed and `path` is left as it was. The folder is created.

    The temporary name ends in the whole name of the target, so that writers which look at the
    suffix (`.png`, `.npz`, `.weights.h5`) treat both alike.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder, since a rename is atomic only within one file system.
    temporary = path.with_name(f".{os.getpid()}.tmp.{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
