"""Where each result comes from: its job, what that job read, and the way back to the data.

A record of a run (`provenance.json`) holds files and jobs. Every file has its SHA-256 and the job
that made it, every job the files it read, its parameters, and the code as it was when the job ran.
Absolute paths are left out of it, and with them the names of users.
"""

import ast
import csv
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from mirage.runtime import code, machine
from mirage.runtime.errors import MirageError

FORMAT = 2
FILE = "provenance.json"
# The columns that tell a row of an attack, or of a gradient, from all others.
ROW = ("run", "seed", "epoch", "split", "attack", "gradient", "defence", "dtype", "epsilon")
# The part of a path that they stand in.
_CHECKPOINTS = r"/(?P<run>[^/]+)/seed(?P<seed>\d+)/(?P<split>[^/]+)/(?P<defence>[^/]+)"
ATTACK = re.compile(
    rf"attacks{_CHECKPOINTS}/(?P<attack>[^/]+)/(?P<dtype>[^/]+)/(?:sweep|minimal|eps[0-9.]+)\.csv$"
)
GRADIENT = re.compile(rf"gradients{_CHECKPOINTS}/(?P<gradient>[^/]+)/(?P<dtype>[^/]+)\.csv$")
CHECKPOINT = re.compile(r"/epoch(\d+)\.keras$")


class ProvenanceError(MirageError, ValueError):
    """A question that the record cannot answer; the message says why and what may be asked."""


# --- The record ---------------------------------------------------------------------------------


def record(
    results: Sequence[str],
    found: Callable[[str], Mapping | None],
    workflow: str,
    before: Mapping | None = None,
) -> dict:
    """Files and jobs behind some results, back to the data.

    Args:
        results: Paths of the files to begin with, relative to the working folder.
        found: Gives what is known of how a file was made: `rule`, `input` (paths), `params` (each
            as Python writes it), `log` (paths), `shellcmd`, `starttime`, `endtime` (seconds since
            1970), `input_checksums` (path to "sha256:..." as it was then); None for a file that no
            job made.
        workflow: Folder of the workflow relative to the working folder, "." where both are one.
            In the record its files are named as they lie in it.
        before: An earlier record. A file of its size and time is not read again, and code that is
            another by now is taken from it.

    Returns:
        `jobs`, each with `rule`, `script`, `began` (UTC), `seconds`, `inputs`, `parameters`, `code`
        (a hash) and what its log says of `node`, `image` and `gpu`; `code`, by its hash the files
        of it, path to SHA-256, null where they are not known any more; `files`, path to `sha256`,
        `bytes`, `modified` (ns since 1970) and `job`, a number in the list of jobs. A file that is
        not kept has no `sha256`. Where a file was another when a job read it, that job has its
        SHA-256 of then in `changed`.
    """
    known = (before or {}).get("files", {})
    files: dict[str, dict] = {}
    jobs: list[dict] = []
    numbers: dict[str, int] = {}  # of jobs, by their command, in which their outputs stand
    ran: dict[str, dict | None] = {}
    waiting = [*reversed(results)]
    while waiting:
        path = waiting.pop()
        name = _within(path, workflow)
        if name in files:
            continue
        files[name] = _file(path, known.get(name, {}))
        made = found(path)
        if not made or not made["shellcmd"]:
            continue
        if made["shellcmd"] not in numbers:
            numbers[made["shellcmd"]] = len(jobs)
            parameters = specification(made["params"])
            its_code = parameters.pop("code")
            if its_code["hash"] not in ran:
                # Where a run was stopped and then its code edited, neither has it.
                ran[its_code["hash"]] = code.digests(
                    Path(workflow, "scripts").resolve(), its_code
                ) or (before or {}).get("code", {}).get(its_code["hash"])
            read = {
                _within(one, workflow): digest.removeprefix("sha256:")
                for one, digest in (made["input_checksums"] or {}).items()
            }
            jobs.append(
                {
                    "rule": made["rule"],
                    "script": f"scripts/{its_code['script']}",
                    "began": moment(made["starttime"]),
                    "seconds": round(made["endtime"] - made["starttime"], 3),
                    **host(made["log"]),
                    "parameters": parameters,
                    "inputs": [_within(one, workflow) for one in made["input"]],
                    "code": its_code["hash"],
                    "changed": read,
                }
            )
            waiting += reversed(made["input"])
        files[name]["job"] = numbers[made["shellcmd"]]
    for job in jobs:
        # Of what was read, only what is another by now.
        read = job.pop("changed")
        changed = {
            one: read[one]
            for one in job["inputs"]
            if one in read and files[one].get("sha256", read[one]) != read[one]
        }
        job |= {"changed": changed} if changed else {}
    return {"code": ran, "jobs": jobs, "files": dict(sorted(files.items()))}


def specification(params: Sequence[str]) -> dict:
    """The specification of a job (`mirage.runtime.job`) among the parameters of its rule.

    Args:
        params: As Snakemake records them: Python's text of each, without its name.

    Raises:
        ProvenanceError: None of them is one.
    """
    for value in map(ast.literal_eval, params):
        whole = "".join(value) if isinstance(value, list) else value
        if isinstance(whole, str) and whole.startswith("{"):
            return json.loads(whole)
    raise ProvenanceError(f"no specification of a job among the parameters {params}")


def _file(path: str, known: Mapping) -> dict:
    try:
        status = os.stat(path)
    except FileNotFoundError:  # the images that a network is tuned on, for example
        return {"kept": False}
    entry = {"bytes": status.st_size, "modified": status.st_mtime_ns}
    if known.items() >= entry.items():
        return {"sha256": known["sha256"], **entry}
    return {"sha256": machine.sha256(path), **entry}


def _within(path: str, workflow: str) -> str:
    """A file of the workflow as it is named in its folder."""
    return path if workflow == "." else path.removeprefix(f"{workflow}/")


def host(logs: Sequence[str]) -> dict[str, str]:
    """Node, image and GPU of a job, from the head of its log (`runtime.device.configure`)."""
    found = {}
    for log in logs:
        try:
            with open(log, encoding="utf-8", errors="replace") as stream:
                head = stream.read(2000)
        except OSError:
            continue
        if line := re.search(r"^Node ([^;\n]+)(.*)$", head, re.M):
            found["node"] = line[1]
            if image := re.search(r"; image (\S.*)$", line[2]):
                found["image"] = PurePosixPath(image[1]).name
            if job := re.search(r"; SLURM job (\d+)", line[2]):
                found["slurm_job"] = job[1]
        if gpu := re.search(r"^GPU: (.*), the first of \d+ seen$", head, re.M):
            found["gpu"] = gpu[1]
    return found


def moment(seconds: float) -> str:
    """A time as UTC: 2026-01-31T12:00:00Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def span(jobs: Sequence[Mapping]) -> dict:
    """When the first of some jobs began and the last ended, and the seconds of all together."""
    if not jobs:
        return {}
    began = [datetime.fromisoformat(job["began"]).timestamp() for job in jobs]
    ended = [start + job["seconds"] for start, job in zip(began, jobs, strict=True)]
    seconds = round(sum(job["seconds"] for job in jobs), 1)
    return {"began": moment(min(began)), "ended": moment(max(ended)), "job_seconds": seconds}


def text(content: Mapping) -> str:
    """A record as JSON, a line for each file and job, so that two can be compared line by line."""
    parts = []
    for key, value in content.items():
        match value:
            case dict():
                lines = [
                    f"  {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}"
                    for k, v in value.items()
                ]
                shown = "{\n" + ",\n".join(lines) + "\n }"
            case list():
                lines = [f"  {json.dumps(v, ensure_ascii=False)}" for v in value]
                shown = "[\n" + ",\n".join(lines) + "\n ]"
            case _:
                shown = json.dumps(value, ensure_ascii=False)
        parts.append(f" {json.dumps(key)}: {shown}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def read(path: Path) -> dict:
    """A record that was written before.

    Raises:
        ProvenanceError: There is none, or one of another format, or it is damaged.
    """
    remedy = "delete it and run again"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProvenanceError(f"{path}: no record of provenance ({error}); {remedy}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ProvenanceError(f"{path}: not of format {FORMAT}; {remedy}")
    for key, kind in (("files", dict), ("jobs", list), ("code", dict), ("folder", str)):
        if not isinstance(content.get(key), kind):
            raise ProvenanceError(f"{path}: {key} is missing or damaged; {remedy}")
    entries = [*content["files"].values(), *content["jobs"]]
    if not all(isinstance(entry, dict) for entry in entries):
        raise ProvenanceError(f"{path}: damaged; {remedy}")
    return content


def private(workflow: Path) -> dict[str, str]:
    """Private paths of this process, and what is written in their place."""
    found = {str(Path.home()): "~", str(Path.cwd()): ".", str(workflow.resolve()): "."}
    folders = {os.environ.get(name) or "/": f"${name}" for name in ("MNIST_DIR", "MIRAGE_MODELS")}
    return {path: text for path, text in (found | folders).items() if path != "/"}


def public(value: object, private: Mapping[str, str]) -> object:
    """A copy without private paths: each key of `private` is replaced wherever it begins a path."""
    if isinstance(value, Mapping):
        return {public(key, private): public(inner, private) for key, inner in value.items()}
    if isinstance(value, list):
        return [public(inner, private) for inner in value]
    if isinstance(value, str):
        # The longest first: the home folder may be the beginning of another.
        for path in sorted(private, key=len, reverse=True):
            value = re.sub(
                rf"(?<![\w.-]){re.escape(path)}(?![\w.-])", lambda _, p=path: private[p], value
            )
    return value


# --- The way back -------------------------------------------------------------------------------


def locate(content: Mapping, name: str, results: Path, workflow: Path) -> Path:
    """Where a file of a record lies: results beside the record, wherever that is, a model of others
    in the folder of a variable, all else in the workflow.

    Args:
        content: A record.
        name: Of the file, as the record has it.
        results: The folder that the record lies in.
        workflow: The workflow's folder.
    """
    if name.startswith("$"):
        return Path(os.path.expandvars(name))
    inner = name.removeprefix(f"{content['folder']}/")
    return (workflow if inner == name else results) / inner


def chain(content: Mapping, path: str, epoch: str | None = None) -> Iterator[tuple[int, str, bool]]:
    """The files that a result comes from, back to the data, depth first.

    Args:
        content: A record.
        path: A file in it.
        epoch: Of an attack's checkpoints follow only this one's, since a row comes of one.

    Yields:
        Steps from the result, a path, and whether it stood there before (then its own way back is
        not repeated).

    Raises:
        ProvenanceError: The record does not have the file.
    """
    if path not in content["files"]:
        near = [other for other in content["files"] if PurePosixPath(path).name in other]
        raise ProvenanceError(
            f"{path}: this record does not have it; "
            + (f"it has {', '.join(near[:5])}" if near else "was it made by another run?")
        )
    seen: set[str] = set()
    waiting = [(0, path)]
    while waiting:
        depth, one = waiting.pop()
        again = one in seen
        yield depth, one, again
        if again:
            continue
        seen.add(one)
        job = content["files"].get(one, {}).get("job")
        if job is None:
            continue
        inputs = content["jobs"][job]["inputs"]
        if epoch and not depth:
            inputs = [i for i in inputs if not (m := CHECKPOINT.search(i)) or m[1] == epoch]
        waiting += [(depth + 1, inner) for inner in reversed(inputs)]


def rows(
    content: Mapping, wanted: Mapping[str, str], results: Path, workflow: Path
) -> list[tuple[str, dict]]:
    """The rows of attacks and gradients with some values, each with the file it stands in.

    A gradient without an attack stands for rows of gradients, not of the attacks that follow it.

    Args:
        content: A record.
        wanted: Column to value, as text: `{"run": "float32", "epsilon": "0.1"}`.
        results: The folder that the record lies in.
        workflow: The workflow's folder.

    Raises:
        ProvenanceError: An unknown column, or no such row.
    """
    unknown = [key for key in wanted if key not in ROW]
    if unknown:
        raise ProvenanceError(
            f"{', '.join(unknown)}: no column that tells a row; there are {', '.join(ROW)}"
        )
    patterns = [GRADIENT] if "gradient" in wanted and "attack" not in wanted else [ATTACK, GRADIENT]
    found = []
    for path in content["files"]:
        place = next(filter(None, (pattern.search(path) for pattern in patterns)), None)
        if not place or any(wanted.get(k, v) != v for k, v in place.groupdict().items()):
            continue
        found += [
            (path, row)
            for row in _read(locate(content, path, results, workflow))
            if all(row.get(key) == value for key, value in wanted.items())
        ]
    if not found:
        asked = ", ".join(f"{key} {value}" for key, value in wanted.items())
        raise ProvenanceError(f"no row of an attack or a gradient has {asked}")
    return found


def _read(path: Path) -> list[dict]:
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))
    except OSError as error:
        raise ProvenanceError(f"{path}: {error.strerror}") from None
