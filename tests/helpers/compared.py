"""How the results of two runs differ: in no byte, but for times."""

import csv
import json
import zipfile
from pathlib import Path

# They say when and how a run was made.
OF_THE_RUN = ("logs", "provenance.json", "report.html")


def files(folder: Path) -> dict[str, Path]:
    """All that a run has written below a folder such as results/digits, by relative path."""
    found = {file.relative_to(folder): file for file in folder.rglob("*") if file.is_file()}
    return {str(name): file for name, file in found.items() if name.parts[0] not in OF_THE_RUN}


def content(file: Path) -> object:
    """What must be equal in two runs.

    Of a table all but the column `seconds`, as text; of a checkpoint all but the time at which it
    was saved; of any other file its bytes.
    """
    if file.suffix == ".csv":
        with file.open(newline="") as stream:
            header, *rows = csv.reader(stream)
        kept = [number for number, column in enumerate(header) if column != "seconds"]
        return [[row[number] for number in kept] for row in (header, *rows)]
    if file.suffix == ".keras":
        with zipfile.ZipFile(file) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
            comment = archive.comment
        metadata = json.loads(parts.pop("metadata.json"))
        assert metadata.pop("date_saved")
        return [parts, metadata, comment]
    return file.read_bytes()


def differences(one: Path, other: Path) -> list[str]:
    """What is in one folder only, or not the same in both; empty where all is the same."""
    first, second = files(one), files(other)
    assert first
    lacking = [f"{name}: in one of the two only" for name in first.keys() ^ second.keys()]
    common = sorted(first.keys() & second.keys())
    changed = [name for name in common if content(first[name]) != content(second[name])]
    return sorted(lacking) + [f"{name}: not the same" for name in changed]
