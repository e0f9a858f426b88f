# The configuration, and the paths that rules share.

import functools
import hashlib
import json
import mimetypes
import os
import re
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# The report shows YAML as text; without this it says that it had to guess.
mimetypes.add_type("text/plain", ".yaml")

# The workflow's own folder, relative to the working folder: no absolute path enters the records.
# Used as a module it is not that of the main Snakefile.
RULES = workflow.current_basedir.get_path_or_uri(secret_free=True)
if not os.path.isdir(RULES):
    raise WorkflowError(
        f"mirage cannot be used from {RULES}; clone it, and give the path of its Snakefile"
    )
FOLDER = Path(os.path.relpath(Path(RULES).parent))
if {"{", "}"} & set(str(FOLDER)):
    raise WorkflowError(
        f"the workflow's folder, {FOLDER.resolve()}, has braces in its path, which Snakemake takes "
        "for wildcards; rename it, or call Snakemake inside it"
    )
MODULE = os.path.realpath(workflow.main_snakefile) != os.path.realpath(FOLDER / "Snakefile")
SCRIPTS = FOLDER / "scripts"


def own(files):
    """Files of this workflow as inputs: a `prefix:` of a module is for results alone."""
    paths = [str(FOLDER / file) for file in files]
    return local(paths) if MODULE else paths


# Found first while they are imported, and never by another workflow that uses this one.
sys.path.insert(0, str(SCRIPTS.resolve()))
try:
    import follow
    import isolation
    import shown
    from mirage.study import config as configuration
    from mirage.data import folders, published
    from mirage.reporting import claims
    from mirage.runtime import machine
    from mirage.study import paths, plan, study
finally:
    sys.path.remove(str(SCRIPTS.resolve()))

isolation.isolate(os.environ)
isolation.use_utf8()
# A job's `python` is the one that runs Snakemake, whether or not its environment is activated;
# in a container it is the container's.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]))

SERIES = {}
try:
    for row in published.rows(sorted(FOLDER.glob(f"studies/*/{published.FILE}"))):
        SERIES.setdefault(row["series"], []).append(row)
    # Snakemake has read them already, and has taken the last of two equal keys.
    configuration.check_sources(
        workflow.configfiles, workflow.config_settings.config_args or (), keys_only=MODULE
    )
    STUDY = configuration.read(
        config,
        FOLDER,
        SERIES,
        os.environ.get("MNIST_DIR", ""),
    )
except (configuration.ConfigError, published.DataError) as error:
    raise WorkflowError(str(error))

# The image's name carries the hash of the locked dependencies, for the CPU and for CUDA: a rebuilt
# image of the same name would go unnoticed. `make lock` writes it.
IMAGE = (FOLDER / "envs/image.txt").read_text(encoding="utf-8").strip()
LOCK = IMAGE.removeprefix("mirage-").removesuffix(".sif")

CONFIG = STUDY.config
if not MODULE:
    # The report's first page names it.
    config.setdefault("dataset", CONFIG["dataset"])
if CONFIG["data_folder"]:
    os.environ.update(MNIST_DIR=CONFIG["data_folder"])
DATASET = CONFIG["dataset"]
PATHS = paths.Paths(f"results/{CONFIG.get('folder', DATASET)}")
PLAN = plan.Plan(STUDY, PATHS, FOLDER)


RAW_FILES = [f"{PATHS.raw}/{file}" for file in folders.IDX.files]


def check_folder(folder):
    """Tell what a local folder of data lacks before any job starts.

    Once the data are taken from it, it may be gone.
    """
    layout = folders.LAYOUTS.get(DATASET)
    problems = folders.faults(folder, layout) if folder and layout else []
    taken = RAW_FILES if DATASET in study.DOWNLOADED else PLAN.all_data()
    if problems and not all(map(os.path.exists, taken)):
        key = "data_folder" if CONFIG["data_folder"] else "MNIST_DIR"
        raise WorkflowError(f"{key}: {folders.refusal(folder, problems)}")


def python(name, *options, log=" > {log:q} 2>&1"):
    """The command of a rule: a script, the specification of its job (`params.job`), its files."""
    command = ["python", shlex.quote(str(SCRIPTS / name)), "--job {params.job:q}", *options]
    return " ".join(command) + log


# The files of a job on checkpoints.
ON_CHECKPOINTS = (
    "--data {input.data:q} --checkpoints {input.checkpoints:q}"
    " --threads {threads} --output {output:q}"
)


def as_text(text):
    """Text for the report's lists: for readers as it is, for a browser never the begin of a tag."""
    return re.sub(r"<(?=[/!?a-zA-Z])", "<\u200c", text)


def as_caption(text):
    """Text as reStructuredText that says just this and does nothing."""
    return re.sub(r"([^\w\s]|_)", r"\\\1", " ".join(text.split()))


# Attempts after the first are those of jobs that ended for want of it (`retries` in a profile).
def growing(amount):
    """Memory (MB) or time (minutes) of a job: `amount`, and as much again for each new attempt."""
    return lambda wildcards, attempt: amount * attempt


wildcard_constraints:
    **paths.constraints(STUDY),
