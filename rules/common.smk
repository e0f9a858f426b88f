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


def own(path):
    """A file of this workflow as an input: a `prefix:` of a module is for results alone."""
    return local(str(FOLDER / path)) if MODULE else str(FOLDER / path)


# Found first while they are imported, and never by another workflow that uses this one.
sys.path.insert(0, str(SCRIPTS.resolve()))
try:
    import follow
    import isolation
    import shown
    from mirage.study import config as configuration
    from mirage.data import columns, folders, published
    from mirage.reporting import claims
    from mirage.runtime import machine, sources
    from mirage.study import study
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
# image of the same name would go unnoticed.
LOCK = hashlib.sha256(
    b"".join(
        (FOLDER / "envs" / name).read_bytes()
        for name in ("requirements.txt", "requirements-cuda.txt")
    )
).hexdigest()[:12]
IMAGE = f"mirage-{LOCK}.sif"

CONFIG = STUDY.config
if not MODULE:
    # The report's first page names it.
    config.setdefault("dataset", CONFIG["dataset"])
if CONFIG["data_folder"]:
    os.environ.update(MNIST_DIR=CONFIG["data_folder"])
DATASET = CONFIG["dataset"]
RUNS = CONFIG["runs"]
ATTACKS = CONFIG["attacks"]
DEFENCES = CONFIG["defences"]
FIGURES = CONFIG["figures"]
CUSTOM_TABLES = CONFIG["tables"]

RESULTS = f"results/{CONFIG.get('folder', DATASET)}"
LOGS = f"{RESULTS}/logs"
DATA = f"{RESULTS}/data/{{train}}-{{validation}}/{{split}}.npz"
CHECKPOINT = f"{RESULTS}/checkpoints/{{run}}/seed{{seed}}/epoch{{epoch}}.keras"
HISTORY = f"{RESULTS}/checkpoints/{{run}}/seed{{seed}}/epoch{{epoch}}.csv"
EVALUATION = "attacks/{run}/seed{seed}/{split}/{defence}/{attack}/{dtype}"
SWEEP = f"{RESULTS}/{EVALUATION}/sweep.csv"
ATTACK = f"{RESULTS}/{EVALUATION}/eps{{epsilon}}.csv"
MINIMAL = f"{RESULTS}/{EVALUATION}/minimal.csv"
# {size} is eps{epsilon}, or minimal for an attack that takes none.
EXAMPLES = f"{RESULTS}/{EVALUATION}/examples_epoch{{epoch}}_{{size}}.npz"
RESTARTS = f"{RESULTS}/{EVALUATION}/restarts_epoch{{epoch}}_eps{{epsilon}}.csv"
PERTURBED = f"{RESULTS}/perturbed/{{run}}/seed{{seed}}/epoch{{epoch}}/{{attack}}_{{size}}.npz"
MEASURES = f"{RESULTS}/measures/{{run}}/seed{{seed}}.csv"
TABLE = f"{RESULTS}/tables/{{table}}"
FIGURE = f"{RESULTS}/figures/{{figure}}"


# Attempts after the first are those of jobs that ended for want of it (`retries` in a profile).
def growing(amount):
    """Memory (MB) or time (minutes) of a job: `amount`, and as much again for each new attempt."""
    return lambda wildcards, attempt: amount * attempt


wildcard_constraints:
    run="|".join(map(re.escape, RUNS)),
    attack="|".join(map(re.escape, ATTACKS)) or "none",
    defence="|".join(map(re.escape, [columns.BARE, *DEFENCES])),
    figure="|".join(map(re.escape, FIGURES)) or "none",
    split="train|validation|test",
    dtype="float16|bfloat16|float32|float64",
    seed=r"\d+",
    epoch=r"\d+",
    epsilon=r"[0-9.]+",
    size=r"minimal|eps[0-9.]+",
    train=r"\d+",
    validation=r"\d+",
