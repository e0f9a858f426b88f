"""The configuration: checked against the schema, completed, and laid out as a study.

Errors are collected and name the key, the value and what is allowed.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

import yaml

from mirage import consistency
from mirage.schemas import TYPES, Validator, complete, plain, sentences, shown
from mirage.study import Study, evaluations


class ConfigError(ValueError):
    """A configuration that cannot be run; the message lists every fault found."""


def read(
    config: Mapping,
    schema_file: Path,
    published: Collection[str] | None = None,
    folder: str = "",
) -> Study:
    """Check a configuration and lay it out.

    Args:
        config: As read from YAML; left as it is.
        schema_file: JSON Schema in YAML; its `default`s complete the configuration.
        published: Names of the published series that figures may show; any where it is None.
        folder: Local folder of the data, where the configuration names none.

    Raises:
        ConfigError: Anything is wrong; the message has a line for each fault.
    """
    if not isinstance(config, Mapping):
        _refuse([f"it must be {TYPES['object']}, not {shown(config)}"])
    schema = yaml.safe_load(schema_file.read_text())
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
    if "max_images" in completed:
        for entry in completed["evaluations"]:
            most = completed["max_images"]
            entry["images"] = min(entry.get("images", most), most)
    faults = consistency.of_configuration(completed, folder)
    if faults:
        _refuse(faults)
    study = Study(completed, tuple(evaluations(completed)))
    faults = consistency.of_study(study, published)
    if faults:
        _refuse(faults)
    return study


def _refuse(faults: list[str]) -> None:
    raise ConfigError(
        "the configuration cannot be run:\n  - " + "\n  - ".join(dict.fromkeys(faults))
    )
