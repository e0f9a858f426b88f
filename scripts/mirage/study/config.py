"""The configuration: checked against the schema, completed, and laid out as a study.

Errors are collected and name the key, the value and what is allowed.
"""

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path

from mirage.runtime.errors import MirageError
from mirage.study import consistency, documents, language, library
from mirage.study.schemas import TYPES, Validator, complete, plain, sentences, shown
from mirage.study.study import SPLITS, Study, evaluations


class ConfigError(MirageError, ValueError):
    """A configuration that cannot be run; the message lists every fault found."""


def check_sources(
    files: Iterable[Path | str], arguments: Iterable[str] = (), *, keys_only: bool = False
) -> None:
    """Refuse what YAML would take in silence for something else, such as a key that stands twice.

    Args:
        files: All files that the configuration was read from.
        arguments: Entries `key=value` of Snakemake's `--config`.
        keys_only: As in `mirage.study.documents.read`, for files that hold more than our
            configuration.

    Raises:
        ConfigError: The message has a line for each fault, with its file and line.
    """
    if faults := documents.faults(files, arguments, keys_only=keys_only):
        _refuse(faults)


def read(
    config: Mapping,
    workflow: Path,
    published: Mapping[str, Iterable[Mapping]] | None = None,
    folder: str = "",
) -> Study:
    """Check a configuration, gather the studies that it names, and lay all of it out.

    Args:
        config: As read from YAML; left as it is.
        workflow: Folder of the workflow, with config.yaml, studies and schemas.
        published: Rows (`quantity`, `epsilon` as text) of the published series that figures may
            show, by the name of the series; any series where it is None.
        folder: Local folder of the data, where the configuration names none.

    Raises:
        ConfigError: Anything is wrong; the message has a line for each fault.
    """
    if not isinstance(config, Mapping):
        _refuse([f"it must be {TYPES['object']}, not {shown(config)}"])
    schema = _schema(workflow / "schemas/config.schema.yaml")
    given = plain(config)
    if faults := _by_schema(given, schema):
        _refuse(faults)
    try:
        gathered = library.gather(config, workflow, lambda content: _by_schema(content, schema))
    except documents.DocumentError as error:
        _refuse(str(error).splitlines())
    if gathered.faults:
        _refuse(gathered.faults)
    completed = plain(gathered.config)
    completed.setdefault("split", SPLITS[completed["dataset"]])
    faults = [
        f"runs.{name}: {key!r} is missing"
        for name, run in completed["runs"].items()
        for key in ("network", "epochs")
        if key not in run
    ]
    if faults:
        _refuse(faults)
    complete(completed, schema, schema)
    for run in completed["runs"].values():
        run["split"] = run.pop("split", dict(completed["split"]))  # put in last, as defaults are
        run["seeds"] = run["seeds"][: completed.get("max_seeds")]
    written = language.Written()
    planned = language.plan(completed, gathered.claims, published or {}, written)
    if faults := written.faults or consistency.of_names(planned, completed["also"]):
        _refuse([_as_written(fault, written.origins) for fault in faults])
    twins = {name: one["exact"] for name, one in planned["attacks"].items() if "exact" in one}
    language.leave_out(planned, gathered.wanted)
    if faults := consistency.of_configuration(planned, completed["also"], folder):
        _refuse([_as_written(fault, written.origins) for fault in faults])
    if "max_images" in planned:
        for entry in planned["evaluations"]:
            most = planned["max_images"]
            entry["images"] = min(entry.get("images", most), most)
    planned["claims"] = gathered.own_claims
    study = Study(
        planned,
        tuple(evaluations(planned)),
        tuple(gathered.claims),
        tuple(gathered.claim_files),
        twins,
    )
    faults = consistency.of_study(study, published)
    faults += consistency.of_published(study, gathered.studies, published or {})
    if faults:
        _refuse([_as_written(fault, written.origins) for fault in faults])
    return study


def _by_schema(content: Mapping, schema: Mapping) -> list[str]:
    """What the schema says against a configuration or a study."""
    if not isinstance(content, Mapping):
        return [f"it must be {TYPES['object']}, not {shown(content)}"]
    found = sorted(
        Validator(schema).iter_errors(content), key=lambda fault: list(map(str, fault.path))
    )
    return [sentence for fault in found for sentence in sentences(fault)]


def _as_written(fault: str, origins: Mapping[str, str]) -> str:
    """A fault of the plan, with the key that a person wrote."""
    key, colon, text = fault.partition(": ")
    parts = key.split(".")
    for length in range(len(parts), 0, -1):
        if origin := origins.get(".".join(parts[:length])):
            return ".".join([origin, *parts[length:]]) + colon + text
    return fault


@functools.cache
def _schema(file: Path) -> dict:
    return documents.read(file)


def _refuse(faults: list[str]) -> None:
    raise ConfigError(
        "the configuration cannot be run:\n  - " + "\n  - ".join(dict.fromkeys(faults))
    )
