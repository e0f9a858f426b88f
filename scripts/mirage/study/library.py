"""The studies that come along, and what of them a configuration takes.

config.yaml                 what holds where a configuration says nothing else
studies/catalogue.yaml      attacks and grids that every study can name
studies/NAME/study.yaml     runs, attacks, defences, grids, figures, tables of one study
studies/NAME/claims.yaml    what its source claims
studies/NAME/published.csv  the values that were read from it
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mirage.study import documents
from mirage.study.model_claims import Claims, spelled_out
from mirage.study.sentences import faults_in, named, shown

# What may be named by more than one study.
DEFINED = ("runs", "attacks", "probes", "defences", "grids")
# What a study shows. Its figures and tables are called STUDY/NAME, those of a configuration NAME.
SHOWN = ("figures", "tables")
# So are its audits.
NAMED = (*SHOWN, "audits")
OF_STUDY = ("title", "uses", *DEFINED, *NAMED, "also", "summary")
# A configuration that brings one of these is a study itself, and builds no other that it does not
# name.
OWN = ("runs", *NAMED, "also", "claims", "summary")


@dataclass
class Gathered:
    """A configuration with the studies that it names.

    Attributes:
        config: All that is defined and shown.
        wanted: Runs that are trained whether or not anything shows them.
        studies: Those that are named.
        claims: Of the studies and of the configuration, in their order, with `source` and the whole
            name of `figure`.
        own_claims: Those of the configuration.
        claim_files: Where the others stand.
        faults: Sentences that name the key, the value and what is allowed.
    """

    config: dict
    wanted: list[str] = field(default_factory=list)
    studies: list[str] = field(default_factory=list)
    claims: list[dict] = field(default_factory=list)
    own_claims: list[dict] = field(default_factory=list)
    claim_files: list[Path] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def gather(given: Mapping, folder: Path, check) -> Gathered:
    """Lay the parts of a configuration together.

    Args:
        given: The configuration, valid by the schema.
        folder: The workflow's, with config.yaml and studies.
        check: Takes the content of a study and gives its faults by the schema.

    Returns:
        The whole. Faults of a study begin with the path of its file.

    Raises:
        DocumentError: A study cannot be read.
    """
    known = sorted(path.parent.name for path in (folder / "studies").glob("*/study.yaml"))
    defaults = {"dataset": "mnist", "studies": known}
    # An installed library has the studies, and no config.yaml.
    if (folder / "config.yaml").exists():
        defaults |= _read(folder / "config.yaml")
    own = any(given.get(key) for key in OWN)
    names = given.get("studies", [] if own else defaults["studies"])
    found = Gathered({**defaults, **given}, studies=list(names))
    for key in (*DEFINED, *NAMED):
        found.config[key] = {}
    also = []
    waiting = [("studies", name) for name in names]
    waiting += [("uses", name) for name in given.get("uses", ())]
    seen = []
    while waiting:
        key, name = waiting.pop(0)
        if name in seen:
            continue
        seen.append(name)
        if name not in known:
            found.faults.append(f"{key}: there is no study {shown(name)}; there are {named(known)}")
            continue
        file = folder / "studies" / name / "study.yaml"
        content = _study(file, check, found)
        waiting += [(f"{file}: uses", other) for other in content.get("uses", ())]
        _define(found, file, content)
        if name in names:
            found.wanted += content.get("runs", {})
            also += content.get("also", [])
            _show(found, content, name)
            _claim(found, file.with_name("claims.yaml"))
    catalogue = folder / "studies/catalogue.yaml"
    _define(found, catalogue, _study(catalogue, check, found))
    for key in DEFINED:
        for name, one in (given.get(key) or {}).items():
            # A configuration may change some keys of a run of a study that it names.
            before = found.config[key].get(name) if key == "runs" else None
            found.config[key][name] = {**before, **one} if before else one
    found.wanted += [name for name in given.get("runs") or {} if name not in found.wanted]
    section = {"category": given["title"]} if "title" in given else {}
    for key in SHOWN:
        for name, one in (given.get(key) or {}).items():
            found.config[key][name] = {**section, **one}
    found.config["audits"] |= given.get("audits") or {}
    found.config["also"] = [*also, *(given.get("also") or [])]
    if given.get("summary"):
        found.config["summary"] = given["summary"]
    found.own_claims = [_filled(claim, "own") for claim in given.get("claims") or ()]
    found.claims += found.own_claims
    return found


def _read(file: Path) -> dict:
    state = file.stat()
    return _content(file, state.st_mtime_ns, state.st_size)


@functools.cache
def _content(file: Path, modified: int, size: int) -> dict:
    """The content of a file in that state; it is not to be changed."""
    return documents.read(file) or {}


def _study(file: Path, check, found: Gathered) -> dict:
    """The content of a study's file; its faults are kept."""
    content = _read(file)
    faults = check(content)
    if not faults:
        faults = [
            f"{key}: a study does not say this, but the configuration that names it"
            for key in content
            if key not in OF_STUDY
        ]
    found.faults += [f"{file}: {fault}" for fault in faults]
    return {} if faults else content


def _define(found: Gathered, file: Path, content: Mapping) -> None:
    """Take in what a study defines; two may not mean different things by one name."""
    for key in DEFINED:
        for name, one in content.get(key, {}).items():
            if found.config[key].setdefault(name, one) != one:
                found.faults.append(
                    f"{file}: {key}.{name}: another study has another entry of this name"
                )


def _show(found: Gathered, content: Mapping, study: str) -> None:
    """Take in what a study shows, under its name."""
    for key in SHOWN:
        for name, one in content.get(key, {}).items():
            found.config[key][f"{study}/{name}"] = {
                "category": content.get("title", study),
                **one,
            }
    for name, one in content.get("audits", {}).items():
        found.config["audits"][f"{study}/{name}"] = one
    if "summary" in content and not found.config.get("summary"):
        found.config["summary"] = content["summary"]


def _claim(found: Gathered, file: Path) -> None:
    """Take in what the source of a study claims."""
    if file.exists():
        found.claim_files.append(file)
        try:
            found.claims += claims(file)
        except documents.DocumentError as error:
            found.faults += str(error).splitlines()


def claims(file: Path) -> list[dict]:
    """The claims of a study, each with its source, its figure and series by their whole names.

    Raises:
        DocumentError: The file cannot be read, or a claim is not as `Claims` says.
    """
    study = file.parent.name
    content = documents.read(file)
    if faults := faults_in(content, Claims):
        raise documents.DocumentError("\n".join(f"{file}: {fault}" for fault in faults))
    found = []
    for claim in content["claims"]:
        filled = _filled(claim, study)
        if "/" not in claim.get("figure", "/"):
            filled["figure"] = f"{study}/{claim['figure']}"
        for condition in filled.get("test", ()):
            if "/" not in condition.get("series", "/"):
                condition["series"] = f"{study}/{condition['series']}"
        found.append(filled)
    return found


def _filled(claim: Mapping, source: str) -> dict:
    """A claim with its source, and with one condition for each value of the lists in its test."""
    filled = {"source": source, **claim}
    if "test" in claim:
        filled["test"] = [one for condition in claim["test"] for one in spelled_out(condition)]
    return filled
