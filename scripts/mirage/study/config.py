"""The configuration: checked against its model, completed, and laid out as a study.

Errors are collected and name the key, the value and what is allowed.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from mirage.data.register import SPLITS
from mirage.runtime.errors import MirageError
from mirage.study import consistency, documents, language, library
from mirage.study.model import Configuration, completed
from mirage.study.sentences import faults_in, plain
from mirage.study.study import Gradient, Study, evaluations


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
        workflow: Folder of the workflow, with config.yaml and studies.
        published: Rows (`quantity`, `epsilon` as text) of the published series that figures may
            show, by the name of the series; any series where it is None.
        folder: Local folder of the data, where the configuration names none.

    Raises:
        ConfigError: Anything is wrong; the message has a line for each fault.
    """
    if faults := _faults(config):
        _refuse(faults)
    try:
        gathered = library.gather(config, workflow, _faults)
    except documents.DocumentError as error:
        _refuse(str(error).splitlines())
    if gathered.faults:
        _refuse(gathered.faults)
    whole = plain(completed(plain(gathered.config)))
    whole.setdefault("split", SPLITS[whole["dataset"]])
    faults = [
        f"runs.{name}: {key!r} is missing"
        for name, run in whole["runs"].items()
        for key in ("network", "epochs")
        if key not in run
    ]
    if faults:
        _refuse(faults)
    for run in whole["runs"].values():
        run.setdefault("split", dict(whole["split"]))
        run["seeds"] = run["seeds"][: whole.get("max_seeds")]
    written = language.Written()
    planned = language.plan(whole, gathered.claims, published or {}, written)
    if faults := written.faults or consistency.of_names(planned, whole["also"]):
        _refuse([_as_written(fault, written.origins) for fault in faults])
    twins = {name: one["exact"] for name, one in planned["attacks"].items() if "exact" in one}
    language.leave_out(planned, gathered.wanted)
    if faults := consistency.of_configuration(planned, whole["also"], folder):
        _refuse([_as_written(fault, written.origins) for fault in faults])
    if "max_images" in planned:
        probes = planned["probes"].values()
        most = planned["max_images"]
        for entry in [*planned["evaluations"], *planned["gradients"], *probes]:
            entry["images"] = min(entry.get("images", most), most)
        for audit in planned["audits"].values():
            audit["images"] = most if audit["images"] == "all" else min(audit["images"], most)
    planned["claims"] = gathered.own_claims
    study = Study(
        planned,
        tuple(evaluations(planned)),
        tuple(Gradient(**entry) for entry in planned["gradients"]),
        tuple(map(tuple, planned["probed"])),
        tuple(gathered.claims),
        tuple(gathered.claim_files),
        twins,
    )
    faults = consistency.of_study(study, published)
    faults += consistency.of_published(study, gathered.studies, published or {})
    if faults:
        _refuse([_as_written(fault, written.origins) for fault in faults])
    return study


def _faults(content: object) -> list[str]:
    """What is wrong with a configuration or a study by itself."""
    return faults_in(content, Configuration)


def _as_written(fault: str, origins: Mapping[str, str]) -> str:
    """A fault of the plan, with the key that a person wrote."""
    key, colon, text = fault.partition(": ")
    parts = key.split(".")
    for length in range(len(parts), 0, -1):
        if origin := origins.get(".".join(parts[:length])):
            return ".".join([origin, *parts[length:]]) + colon + text
    return fault


def _refuse(faults: list[str]) -> None:
    raise ConfigError(
        "the configuration cannot be run:\n  - " + "\n  - ".join(dict.fromkeys(faults))
    )
