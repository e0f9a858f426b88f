"""The configuration: checked against the schema, completed, and laid out as a study.

Errors are collected and name the key, the value and what is allowed.
"""

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path

from mirage.runtime.errors import MirageError
from mirage.study import consistency, documents
from mirage.study.schemas import TYPES, Validator, complete, plain, sentences, shown
from mirage.study.study import Study, evaluations


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
    schema_file: Path,
    published: Mapping[str, Iterable[Mapping]] | None = None,
    folder: str = "",
) -> Study:
    """Check a configuration and lay it out.

    Args:
        config: As read from YAML; left as it is.
        schema_file: JSON Schema in YAML; its `default`s complete the configuration.
        published: Rows (`quantity`, `epsilon` as text) of the published series that figures may
            show, by the name of the series; any series where it is None.
        folder: Local folder of the data, where the configuration names none.

    Raises:
        ConfigError: Anything is wrong; the message has a line for each fault.
    """
    if not isinstance(config, Mapping):
        _refuse([f"it must be {TYPES['object']}, not {shown(config)}"])
    schema = _schema(schema_file)
    completed = plain(config)
    faults = sorted(
        Validator(schema).iter_errors(completed),
        key=lambda fault: list(map(str, fault.path)),
    )
    if faults:
        _refuse([sentence for fault in faults for sentence in sentences(fault)])
    complete(completed, schema, schema)
    for run in completed["runs"].values():
        run["split"] = run.pop("split", dict(completed["split"]))  # put in last, as defaults are
        run["seeds"] = run["seeds"][: completed.get("max_seeds")]
    faults = consistency.of_configuration(completed, folder)
    if faults:
        _refuse(faults)
    if "max_images" in completed:
        for entry in completed["evaluations"]:
            most = completed["max_images"]
            entry["images"] = min(entry.get("images", most), most)
    study = Study(completed, tuple(evaluations(completed)))
    faults = consistency.of_study(study, published)
    if faults:
        _refuse(faults)
    return study


@functools.cache
def _schema(file: Path) -> dict:
    return documents.read(file)


def _refuse(faults: list[str]) -> None:
    raise ConfigError(
        "the configuration cannot be run:\n  - " + "\n  - ".join(dict.fromkeys(faults))
    )
