"""`mirage origin`: the way back from a result to checkpoint, code and data.

It reads the provenance.json beside the results and looks whether each file on the way is still the
one that is recorded.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from mirage.cli.workflow import FOLDER
from mirage.runtime import machine, provenance
from mirage.runtime.errors import script


@script
def run(args: argparse.Namespace) -> None:
    """Print the way back of one result; exit status 1 where a file is another one by now."""
    faults = trace(Path(args.target), args.row)
    if faults:
        sys.exit("origin: not the recorded ones any more: " + ", ".join(faults))


def trace(target: Path, row: list[str]) -> list[str]:
    """Print the way back; return the files that are not the recorded ones."""
    place = record_of(target)
    content = provenance.read(place)
    epoch = None
    if row:
        wanted = dict(one.partition("=")[::2] for one in row)
        rows = provenance.rows(content, wanted, place.parent, FOLDER)
        if len(rows) > 1:
            raise provenance.ProvenanceError(several(rows))
        (name, values), *_ = rows
        epoch = values["epoch"]
        print(", ".join(f"{key} {value}" for key, value in values.items() if value) + "\n")
    else:
        inside = Path(os.path.abspath(target)).relative_to(os.path.abspath(place.parent))
        name = f"{content['folder']}/{inside.as_posix()}"
    faults = []
    for depth, one, again in provenance.chain(content, name, epoch):
        entry = content["files"][one]
        path = provenance.locate(content, one, place.parent, FOLDER)
        state = "see above" if again else told(entry, path)
        print("  " * depth + f"{one}  {state}")
        if again:
            continue
        if state.endswith(CHANGED):
            faults.append(one)
        if "job" in entry:
            print_job(content, content["jobs"][entry["job"]], "  " * depth + "    ")
    version = content["version"]
    commit = version["commit"] and (
        f"commit {version['commit']}" + ("" if version["clean"] else " and changes since")
    )
    print(f"\nWorkflow: {commit or 'no commit known'}; sources {version['sources'][:12]}")
    print(f"Environment: lock {content['lock']}, Python {content['environment']['python']}")
    return faults


CHANGED = "CHANGED"


def record_of(target: Path) -> Path:
    """The record of a result: in its folder, or one above."""
    for folder in (target, *Path(os.path.abspath(target)).parents):
        if (folder / provenance.FILE).is_file():
            return folder / provenance.FILE
    raise provenance.ProvenanceError(
        f"{target}: no {provenance.FILE} in its folder or one above; a whole run writes it"
    )


def several(rows: list[tuple[str, dict]]) -> str:
    """What to add to a question that many rows answer."""
    differ = {}
    for key in provenance.ROW:
        found = sorted({values.get(key, "") for _, values in rows})
        if len(found) > 1:
            differ[key] = filter(None, found)
    told = "; ".join(f"{key} {', '.join(values)}" for key, values in differ.items())
    return f"{len(rows)} rows are such; say which: {told}"


def told(entry: dict, path: Path) -> str:
    """What a file is, and whether it still is."""
    if "sha256" not in entry:
        return "(not kept)"
    if path.parts[0].startswith("$"):
        return f"sha256 {entry['sha256'][:12]} (not looked at: {path.parts[0]} is not set)"
    try:
        same = machine.sha256(path) == entry["sha256"]
    except OSError:
        same = False
    return f"sha256 {entry['sha256'][:12]}" + ("" if same else f" {CHANGED}")


def print_job(content: dict, job: dict, indent: str) -> None:
    """When, where and how long a job ran, its parameters and its code."""
    where = "".join(f", {job[key]}" for key in ("node", "gpu", "image") if key in job)
    print(f"{indent}{job['rule']}, {job['began']}, {job['seconds']:.1f} s{where}")
    for key, value in job["parameters"].items():
        print(f"{indent}{key}: {value if isinstance(value, str) else json.dumps(value)}")
    code = content["code"][job["code"]]
    files = f"{len(code) - 1} files that it imports" if code else "what it imports, edited since"
    print(f"{indent}code: {job['script']} and {files}, hash {job['code']}")
    if job["rule"] == "prepare" and not job["inputs"]:
        print(f"{indent}data: {embedded(content)}")
    for name in job.get("changed", ()):
        print(f"{indent}read another {name}: sha256 {job['changed'][name][:12]}")


def embedded(content: dict) -> str:
    """Data that are no file of a run."""
    if content["configuration"]["dataset"] == "digits":
        return f"embedded in scikit-learn {content['environment']['packages']['scikit-learn']}"
    return "in a folder outside this one"
