"""How the results of two runs differ: in no byte, but for times."""

import csv
import json
import re
import zipfile
from pathlib import Path

# They say when and how a run was made.
OF_THE_RUN = ("logs", "provenance.json", "report.html")
# They are of all seeds of a run together.
OF_ALL_SEEDS = re.compile(r"configuration\.yaml|tables/.*\.md|tables/summary\.csv")


def files(folder: Path, seeds: int | None = None) -> dict[str, Path]:
    """All that a run has written below a folder such as results/digits, by relative path.

    With `seeds`, only what is of the first so many.
    """
    found = {file.relative_to(folder): file for file in folder.rglob("*") if file.is_file()}
    kept = {str(name): file for name, file in found.items() if name.parts[0] not in OF_THE_RUN}
    if seeds is None:
        return kept
    return {
        name: file
        for name, file in kept.items()
        if not OF_ALL_SEEDS.fullmatch(name)
        and all(int(seed) <= seeds for seed in re.findall(r"/seed(\d+)", name))
    }


def content(file: Path, seeds: int | None = None) -> object:
    """What must be equal in two runs; of a table of seeds, the rows of the first so many.

    Of a table all but the column `seconds`, as text; of a checkpoint all but the time at which it
    was saved; of an audit all but its date and what took how long; of any other file its bytes.
    """
    if file.name == "audit.json":
        times = {"seconds", "date", "files"}  # the checkpoint's file has the time of its saving
        return json.loads(
            file.read_text(encoding="utf-8"),
            object_hook=lambda found: {key: found[key] for key in found.keys() - times},
        )
    if file.name == "audit.html":
        return re.sub(r"<dt>Time</dt><dd>\d+ s</dd>", "", file.read_text(encoding="utf-8"))
    if file.suffix == ".csv":
        with file.open(newline="") as stream:
            header, *rows = csv.reader(stream)
        if seeds is not None and "seed" in header:
            rows = [row for row in rows if int(row[header.index("seed")]) <= seeds]
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


def differences(one: Path, other: Path, seeds: int | None = None) -> list[str]:
    """What is in one folder only, or not the same in both; empty where all is the same.

    With `seeds`, of the first so many, whatever others there are.
    """
    first, second = files(one, seeds), files(other, seeds)
    assert first
    lacking = [f"{name}: in one of the two only" for name in first.keys() ^ second.keys()]
    common = sorted(first.keys() & second.keys())
    changed = [
        name for name in common if content(first[name], seeds) != content(second[name], seeds)
    ]
    return sorted(lacking) + [f"{name}: not the same" for name in changed]
