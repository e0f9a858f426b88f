"""What an audit was made with."""

import contextlib
import hashlib
import importlib
import importlib.metadata
import os
import platform
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mirage.runtime import machine
from mirage.runtime.provenance import moment

_LIBRARY = Path(__file__).parents[1]
# Of a clone; an installed library has none.
_PROJECT = _LIBRARY.parents[1] / "pyproject.toml"


@dataclass(frozen=True)
class Provenance:
    """What an audit was made with, to make it again.

    Attributes:
        date: When it began, UTC.
        options: What was asked for, by the name of the argument.
        files: SHA-256 of each file that was read, by its path as it was given; of a folder that of
            the list of its files. Empty where model and data were in memory.
        weights: SHA-256 of the model's weights, one after another.
        images: SHA-256 of the images and labels that were looked at.
        versions: Of mirage, Python and the packages that compute.
        library: SHA-256 of the list of mirage's own files.
        commit: Of the clone that mirage was run from; None where there is none.
        clean: Whether that clone was as committed.
        machine: Processor, cores, memory and system.
    """

    date: str
    options: Mapping[str, object]
    files: Mapping[str, str]
    weights: str
    images: str
    versions: Mapping[str, str]
    library: str
    commit: str | None
    clean: bool | None
    machine: Mapping[str, object]


def of(
    options: Mapping[str, object],
    sources: Iterable[str | Path | None],
    weights: Iterable[np.ndarray],
    images: Iterable[np.ndarray],
) -> Provenance:
    """What an audit that begins now is made with.

    Args:
        options: As in `Provenance`.
        sources: Model, architecture and data as they were named; what is no file is left out.
        weights: Arrays of the model.
        images: Images and labels.
    """
    version = machine.version(_PROJECT.parent) if _PROJECT.is_file() else {}
    return Provenance(
        date=moment(time.time()),
        options={k: str(v) if isinstance(v, Path) else v for k, v in options.items()},
        files={name: _digest(Path(name)) for one in sources if one for name in _files(one)},
        weights=_content(weights),
        images=_content(images),
        versions=_versions(),
        library=_list(_LIBRARY, "*.py"),
        commit=version.get("commit"),
        clean=version.get("clean"),
        machine={key: value for key, value in machine.describe().items() if key != "node"},
    )


def _files(source: str | Path) -> Iterator[str]:
    """The files that a model or data are named by, `IMAGES,LABELS` and `FILE.py:FUNCTION` too."""
    name = os.fspath(source)
    parts = (name,) if Path(name).exists() else (*name.split(","), name.rpartition(":")[0])
    return (one for one in parts if one and Path(one).exists())


def _digest(path: Path) -> str:
    return _list(path, "*") if path.is_dir() else machine.sha256(path)


def _list(folder: Path, pattern: str) -> str:
    """SHA-256 of the sorted list of the files in a folder, as `sha256sum` prints it."""
    files = sorted(one for one in folder.rglob(pattern) if one.is_file())
    lines = [f"{machine.sha256(one)}  {one.relative_to(folder).as_posix()}\n" for one in files]
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def _content(arrays: Iterable[np.ndarray]) -> str:
    found = hashlib.sha256()
    for one in arrays:
        found.update(np.ascontiguousarray(one))
    return found.hexdigest()


def _versions() -> dict[str, str]:
    packages = ("keras", "tensorflow", "numpy", "scipy")
    found = {one: importlib.import_module(one).__version__ for one in packages}
    found["python"] = platform.python_version()
    # Of a copy of the workflow without its project's file only the hash of the library is known.
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        if _PROJECT.is_file():
            own = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]["version"]
        else:
            own = importlib.metadata.version("mirage")
        return {"mirage": own, **found}
    return found
