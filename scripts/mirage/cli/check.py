"""`mirage check`: whether a configuration can be run, before anything runs."""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from snakemake.utils import update_config

from mirage.cli.workflow import FOLDER
from mirage.data import published as values
from mirage.reporting import claims
from mirage.runtime.errors import script
from mirage.study import audits, config, documents


@script
def run(args: argparse.Namespace) -> None:
    """Say that a configuration can be run; else end with all of its faults and exit status 1."""
    content = together(args.files)
    series = published()
    study = config.read(content, FOLDER, series, os.environ.get("MNIST_DIR", ""))
    if study.claims:
        claims.check(study.claims, series)
    counted = {key: len(study.config[key]) for key in ("runs", "attacks", "figures")}
    if audited := audits.subjects(study.config):
        counted["audits"] = len(audited)
    counts = ", ".join(
        f"{count} {key if count != 1 else key.removesuffix('s')}" for key, count in counted.items()
    )
    print(f"{' '.join(args.files)}: can be run ({counts})")


def together(files: Sequence[str]) -> dict:
    """The content of several files as Snakemake puts it together.

    Raises:
        ConfigError: A file is missing, is no YAML or JSON, or no mapping of keys to values.
    """
    if missing := [file for file in files if not Path(file).is_file()]:
        raise config.ConfigError(f"{', '.join(missing)}: there is no such file")
    config.check_sources(files)
    content = {}
    for file in files:
        own = documents.read(file)
        if not isinstance(own, Mapping):
            raise config.ConfigError(f"{file}: it must be a mapping of keys to values")
        update_config(content, own)
    return content


def published() -> dict[str, list[dict[str, str]]]:
    """The rows of each published series, as the workflow has them."""
    found = {}
    for row in values.rows(sorted(FOLDER.glob(f"studies/*/{values.FILE}"))):
        found.setdefault(row["series"], []).append(row)
    return found
