# The configuration, and the paths that rules share.

import csv
import hashlib
import json
import mimetypes
import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# The report shows YAML as text; without this it says that it had to guess.
mimetypes.add_type("text/plain", ".yaml")

SCRIPTS = Path(os.path.relpath(Path(workflow.basedir, "scripts")))
PUBLISHED = os.path.relpath(Path(workflow.basedir, "resources/published/series.csv"))
sys.path.insert(0, str(Path(workflow.basedir, "scripts")))

from mirage import config as configuration
from mirage import sources

# A job's `python` is the one that runs Snakemake, whether or not its environment is activated;
# in a container it is the container's.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]))

with open(PUBLISHED, newline="") as file:
    SERIES = {row["series"] for row in csv.DictReader(file)}
try:
    STUDY = configuration.read(config, Path(workflow.basedir, "schemas/config.schema.yaml"), SERIES)
except configuration.ConfigError as error:
    raise WorkflowError(str(error))

# The image's name carries the hash of the locked dependencies: a rebuilt image of the same name
# would go unnoticed.
LOCK = hashlib.sha256(Path(workflow.basedir, "envs/requirements.txt").read_bytes()).hexdigest()[:12]

CONFIG = STUDY.config
if CONFIG["data_folder"]:
    os.environ.update(MNIST_DIR=CONFIG["data_folder"])
DATASET = CONFIG["dataset"]
RUNS = CONFIG["runs"]
ATTACKS = CONFIG["attacks"]
FIGURES = CONFIG["figures"]

RESULTS = f"results/{DATASET}"
LOGS = f"{RESULTS}/logs"
DATA = f"{RESULTS}/data/{{split}}.npz"
CHECKPOINT = f"{RESULTS}/checkpoints/{{run}}/seed{{seed}}/epoch{{epoch}}.keras"
HISTORY = f"{RESULTS}/checkpoints/{{run}}/seed{{seed}}/epoch{{epoch}}.csv"
EVALUATION = "attacks/{run}/seed{seed}/{split}/{attack}/{dtype}"
SWEEP = f"{RESULTS}/{EVALUATION}/sweep.csv"
ATTACK = f"{RESULTS}/{EVALUATION}/eps{{epsilon}}.csv"
EXAMPLES = f"{RESULTS}/{EVALUATION}/examples_epoch{{epoch}}_eps{{epsilon}}.npz"
MEASURES = f"{RESULTS}/measures/{{run}}/seed{{seed}}.csv"
TABLE = f"{RESULTS}/tables/{{table}}"
FIGURE = f"{RESULTS}/figures/{{figure}}"


wildcard_constraints:
    run="|".join(map(re.escape, RUNS)),
    attack="|".join(map(re.escape, ATTACKS)) or "none",
    figure="|".join(map(re.escape, FIGURES)) or "none",
    split="train|validation|test",
    dtype="float16|bfloat16|float32|float64",
    seed=r"\d+",
    epoch=r"\d+",
    epsilon=r"[0-9.]+",
