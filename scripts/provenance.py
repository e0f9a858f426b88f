"""Record where every result of a run comes from, as JSON: `mirage origin` reads it."""

import json
import os
from pathlib import Path

import yaml

from mirage.runtime import machine, provenance
from mirage.runtime.errors import script
from mirage.runtime.files import atomic
from mirage.study.jobs import Provenance

WORKFLOW = Path(__file__).parents[1]


@script
def main() -> None:
    """Read Snakemake's records and write ours."""
    parser = Provenance.parser(__doc__)
    parser.add_argument("--configuration", type=Path, required=True, help="as a run records it")
    parser.add_argument("--results", nargs="+", required=True, help="files to go back from")
    parser.add_argument("--output", type=Path, required=True, help="an earlier one is made use of")
    args = parser.parse_args()

    recorded = yaml.safe_load(args.configuration.read_text(encoding="utf-8"))
    results = [str(args.configuration), *args.results]
    found = provenance.record(
        results, snakemake_records(), os.path.relpath(WORKFLOW), earlier(args.output)
    )
    runs = recorded["configuration"]["runs"]
    content = {
        "format": provenance.FORMAT,
        "folder": args.output.parent.as_posix(),
        "version": json.loads(os.environ.get("MIRAGE_VERSION") or "null")
        or machine.version(WORKFLOW),
        "lock": args.job.lock,
        "images": sorted({job["image"] for job in found["jobs"] if "image" in job}),
        **provenance.span(found["jobs"]),
        "machine": machine.describe(),
        "environment": machine.environment(),
        "versions": recorded["versions"],
        "seeds": {name: run["seeds"] for name, run in runs.items()},
        "configuration": recorded["configuration"],
        **found,
    }
    private = provenance.private(WORKFLOW)
    with atomic(args.output) as temporary:
        temporary.write_text(provenance.text(provenance.public(content, private)), encoding="utf-8")


def snakemake_records():
    """A function that gives Snakemake's record of how a file was made; None where it has none."""
    # Slow to import, and of use only here.
    from snakemake.io import IOFile

    folder = Path(".snakemake")
    kind, address = json.loads(os.environ.get("MIRAGE_RECORDS") or '["file", null]')
    if kind == "db":
        from snakemake.persistence.db import DbPersistence

        records = DbPersistence(path=folder, db_url=address)
    else:
        from snakemake.persistence.file import FilePersistence

        records = FilePersistence(path=folder)
    return lambda path: records.metadata(IOFile(path))


def earlier(path: Path) -> dict | None:
    """The record that this one takes the place of; None where there is none to be read."""
    try:
        return provenance.read(path)
    except provenance.ProvenanceError:
        return None


if __name__ == "__main__":
    main()
