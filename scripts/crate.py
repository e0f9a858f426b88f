"""Export the results of a run as a Workflow Run RO-Crate: files, and what made each, as JSON-LD.

  make crate                                                results of config.yaml's data set
  python scripts/crate.py results/digits --output digits.zip

The crate follows the profiles Process, Workflow and Provenance Run Crate 0.5
(https://www.researchobject.org/workflow-run-crate/) and Workflow RO-Crate 1.0. It is made from
provenance.json and holds every file that is recorded there, and the workflow.
"""

import argparse
import json
import shutil
from collections import defaultdict
from pathlib import Path

from rocrate.model.contextentity import ContextEntity
from rocrate.model.entity import Entity
from rocrate.rocrate import ROCrate

from mirage.runtime import machine, provenance
from mirage.runtime.errors import script

WORKFLOW = Path(__file__).parents[1]
# A crate of the version that the profiles are made for.
VERSION = "1.1"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
TERMS = "https://w3id.org/ro/terms/workflow-run/context"
LICENSE = "https://spdx.org/licenses/MIT"
FORMATS = {
    ".csv": "text/csv",
    ".md": "text/markdown",
    ".html": "text/html",
    ".json": "application/json",
    ".yaml": "application/yaml",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".py": "text/x-python",
    ".smk": "text/plain",
    ".rst": "text/x-rst",
    ".npz": "application/zip",
    ".keras": "application/zip",
}


@script
def main(argv: list[str] | None = None) -> None:
    """Read the record and write the crate."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="folder of results, such as results/mnist")
    parser.add_argument("--output", type=Path, help="folder, or .zip; RESULTS-crate if left out")
    args = parser.parse_args(argv)
    output = args.output or args.results.with_name(f"{args.results.name}-crate")
    content = provenance.read(args.results / provenance.FILE)
    crate = export(content, args.results)
    if output.suffix == ".zip":
        crate.write_zip(output)
    else:
        shutil.rmtree(output, ignore_errors=True)
        crate.write(output)
    print(f"{output}: {len(content['files'])} files and {len(content['jobs'])} jobs")


def export(content: dict, results: Path) -> ROCrate:
    """The crate of a record of provenance.

    Raises ProvenanceError where a file is not the recorded one any more.
    """
    crate = ROCrate(version=VERSION)
    crate.metadata.extra_contexts.append(TERMS)
    crate.name = f"mirage: results of {content['folder']}"
    crate.description = (
        "Adversarial robustness of small classifiers: checkpoints, attacks, measures, tables and "
        "figures of a run of the workflow mirage, and what made each file."
    )
    crate.license = described(crate, LICENSE, "CreativeWork", name="MIT License")
    crate.root_dataset["conformsTo"] = [
        described(crate, uri, "CreativeWork", name=name, version=uri.rsplit("/", 1)[1])
        for uri, name in PROFILES.items()
    ]
    record = with_file(crate, f"{content['folder']}/{provenance.FILE}", results / provenance.FILE)
    files = {
        name: with_file(
            crate, name, provenance.locate(content, name, results, WORKFLOW), entry["sha256"]
        )
        for name, entry in content["files"].items()
        if "sha256" in entry
    }
    workflow, tools = with_workflow(crate, content)
    jobs = with_jobs(crate, content, files, tools)
    run = with_run(crate, content, workflow, files, record)
    with_steps(crate, content, workflow, tools, jobs, run)
    return crate


def described(crate: ROCrate, identifier: str, kind: str | list, **properties) -> Entity:
    """A new entity that is no file."""
    entity = ContextEntity(crate, identifier, properties={"@type": kind, **properties})
    return crate.add(entity)


def with_file(
    crate: ROCrate, name: str, path: Path, sha256: str | None = None, kind: str | list = "File"
) -> Entity:
    """A file of the crate, under the name that it has in the record."""
    if sha256 and (not path.is_file() or machine.sha256(path) != sha256):
        raise provenance.ProvenanceError(
            f"{path}: not the recorded file any more; run the workflow again, then export"
        )
    properties = {"@type": kind, "name": name, "contentSize": str(path.stat().st_size)}
    if path.suffix in FORMATS:
        properties["encodingFormat"] = FORMATS[path.suffix]
    if sha256:
        properties["sha256"] = sha256
    return crate.add_file(path, name, properties=properties)


def with_workflow(crate: ROCrate, content: dict) -> tuple[Entity, dict[str, Entity]]:
    """The workflow, its sources, and the scripts that are its tools, by name."""
    version = content["version"]
    workflow = crate.add_workflow(
        WORKFLOW / "Snakefile",
        "Snakefile",
        main=True,
        lang="snakemake",
        lang_version=content["versions"]["snakemake"],
        properties={
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
            "name": "mirage",
            "description": "Trains small classifiers and attacks every checkpoint.",
            "version": version["commit"] or f"sources {version['sources'][:12]}",
            "license": {"@id": LICENSE},
        },
    )
    used = {job["script"] for job in content["jobs"]}
    tools = {}
    for name in machine.sources(WORKFLOW):
        if name == "Snakefile" or name in content["files"]:
            continue
        kind = ["File", "SoftwareSourceCode"] if name in used else "File"
        entity = with_file(crate, name, WORKFLOW / name, kind=kind)
        if name in used:
            entity["version"] = content["version"]["commit"] or content["version"]["sources"]
            tools[name] = entity
    workflow["hasPart"] = list(tools.values())
    return workflow, tools


def with_jobs(crate: ROCrate, content: dict, files: dict, tools: dict) -> dict[int, Entity]:
    """An action for each job: what it read, what it wrote, its parameters, and when."""
    made = defaultdict(list)
    for name, entry in content["files"].items():
        if "job" in entry and name in files:
            made[entry["job"]].append(files[name])
    jobs = {}
    for number, job in enumerate(content["jobs"]):
        given = described(
            crate,
            f"#job-{number}-parameters",
            "PropertyValue",
            name="parameters",
            value=json.dumps(job["parameters"], ensure_ascii=False),
        )
        jobs[number] = described(
            crate,
            f"#job-{number}",
            "CreateAction",
            name=job["rule"],
            startTime=job["began"],
            endTime=provenance.span([job])["ended"],
            actionStatus={"@id": "http://schema.org/CompletedActionStatus"},
            description=", ".join(job[key] for key in ("node", "gpu", "image") if key in job)
            or "where it ran is not recorded",
        )
        jobs[number]["instrument"] = tools[job["script"]]
        jobs[number]["object"] = [*(files[i] for i in job["inputs"] if i in files), given]
        if made[number]:
            jobs[number]["result"] = made[number]
    return jobs


def with_run(
    crate: ROCrate, content: dict, workflow: Entity, files: dict, record: Entity
) -> Entity:
    """The run as a whole, from the configuration and the published values to what it shows."""
    folder = content["folder"]
    configuration = files[f"{folder}/configuration.yaml"]
    parameter = described(
        crate,
        "#configuration",
        "FormalParameter",
        name="configuration",
        additionalType="File",
        encodingFormat="application/yaml",
        description="What is trained, attacked and shown",
        conformsTo={"@id": "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"},
    )
    parameter["workExample"] = configuration
    configuration["exampleOfWork"] = parameter
    workflow["input"] = [parameter]
    shown = [
        e for name, e in files.items() if name.startswith((f"{folder}/tables", f"{folder}/fig"))
    ]
    run = described(
        crate,
        "#run",
        "CreateAction",
        name=f"Run of mirage: {folder}",
        startTime=content["began"],
        endTime=content["ended"],
        actionStatus={"@id": "http://schema.org/CompletedActionStatus"},
        description="; ".join(
            f"{key} {value}" for key, value in content["machine"].items() if value
        ),
    )
    run["instrument"] = workflow
    published = [entity for name, entity in files.items() if name.startswith("studies/")]
    run["object"] = [configuration, *published]
    run["result"] = [*shown, record]
    crate.root_dataset["mentions"] = [run]
    return run


def with_steps(
    crate: ROCrate, content: dict, workflow: Entity, tools: dict, jobs: dict, run: Entity
) -> None:
    """The rules as steps of the workflow, and the engine that ran them."""
    steps, controls = [], []
    by_rule = defaultdict(list)
    for number, job in enumerate(content["jobs"]):
        by_rule[job["rule"]].append(number)
    for position, (rule, numbers) in enumerate(sorted(by_rule.items()), start=1):
        step = described(crate, f"Snakefile#{rule}", "HowToStep", name=rule, position=str(position))
        step["workExample"] = tools[content["jobs"][numbers[0]]["script"]]
        control = described(crate, f"#control-{rule}", "ControlAction", name=f"jobs of {rule}")
        control["instrument"] = step
        control["object"] = [jobs[number] for number in numbers]
        steps.append(step)
        controls.append(control)
    workflow["step"] = steps
    engine = described(
        crate,
        "#engine",
        "SoftwareApplication",
        name="Snakemake",
        url="https://snakemake.github.io",
        softwareVersion=content["versions"]["snakemake"],
    )
    organized = described(
        crate,
        "#organized",
        "OrganizeAction",
        name="Run of Snakemake",
        startTime=content["began"],
        endTime=content["ended"],
    )
    organized["instrument"] = engine
    organized["object"] = controls
    organized["result"] = run


if __name__ == "__main__":
    main()
