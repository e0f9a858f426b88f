# The configuration, and the paths that rules share.

import functools
import hashlib
import json
import mimetypes
import os
import re
import shlex
import sys
import tempfile
from pathlib import Path

from snakemake.exceptions import WorkflowError

# The report shows YAML as text; without this it says that it had to guess.
mimetypes.add_type("text/plain", ".yaml")


def checked_out(source):
    """The folder of this workflow where Snakemake reads it from a git host, as snakedeploy has it do.

    It takes files one by one, and a job needs its script and the library beside it. The path is the
    same for each version, so that a later one repeats only what it computes in another way.
    """
    hosted = source.hosted_repo
    commit = hosted.repo.commit(source.ref).hexsha
    folder = Path(".snakemake/mirage", hosted.repo_name)
    if not folder.exists() or type(hosted.repo)(folder).head.commit.hexsha != commit:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            copy = Path(temporary, "new").absolute()
            hosted.repo.clone(copy).git.checkout(commit)
            if folder.exists():
                folder.rename(Path(temporary, "old"))
            copy.rename(folder)
    return folder


# The workflow's own folder, relative to the working folder: no absolute path enters the records.
# Used as a module it is not that of the main Snakefile.
RULES = workflow.current_basedir
if hasattr(RULES, "hosted_repo"):
    FOLDER = checked_out(RULES)
elif os.path.isdir(RULES.get_path_or_uri(secret_free=True)):
    FOLDER = Path(os.path.relpath(Path(RULES.get_path_or_uri(secret_free=True)).parent))
else:
    raise WorkflowError(
        f"mirage cannot be used from {RULES}; clone it, and give the path of its Snakefile"
    )
if {"{", "}"} & set(str(FOLDER)):
    raise WorkflowError(
        f"the workflow's folder, {FOLDER.resolve()}, has braces in its path, which Snakemake takes "
        "for wildcards; rename it, or call Snakemake inside it"
    )
# workflow/Snakefile includes the other.
MAIN = Path(workflow.main_snakefile).resolve()
MODULE = MAIN not in {(FOLDER / place / "Snakefile").resolve() for place in (".", "workflow")}
SCRIPTS = FOLDER / "scripts"


def own(files):
    """Files of this workflow as inputs: neither a module's `prefix:` nor a storage has them."""
    return local([str(FOLDER / file) for file in files])


# Found first while they are imported, and never by another workflow that uses this one.
sys.path.insert(0, str(SCRIPTS.resolve()))
try:
    import follow
    import isolation
    import shown
    from mirage.study import config as configuration
    from mirage.data import folders, published, register
    from mirage.reporting import claims
    from mirage.runtime import machine
    from mirage.study import paths, plan
finally:
    sys.path.remove(str(SCRIPTS.resolve()))

isolation.isolate(os.environ)
isolation.use_utf8()
# A job's `python` is the one that runs Snakemake, whether or not its environment is activated;
# in a container it is the container's. Once, however many Snakemakes are inside each other.
SEARCHED = [str(Path(sys.executable).parent), *os.get_exec_path()]
os.environ.update(PATH=os.pathsep.join(dict.fromkeys(SEARCHED)))

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
# image of the same name would go unnoticed. `make lock` writes it, and `make push` the digest beside it.
IMAGE, *DIGEST = (FOLDER / "envs/image.txt").read_text(encoding="utf-8").split()
LOCK = IMAGE.removeprefix("mirage-").removesuffix(".sif")
CONTAINER = str(FOLDER / IMAGE) if MODULE else IMAGE
if registry := os.environ.get("MIRAGE_REGISTRY"):
    if not registry.startswith("oras://"):
        raise WorkflowError(
            f"MIRAGE_REGISTRY is {registry!r}; it must be the address of a registry, such as "
            "oras://ghcr.io/OWNER/mirage"
        )
    CONTAINER = f"{registry}@{DIGEST[0]}" if DIGEST else f"{registry}:{LOCK}"

CONFIG = STUDY.config
if not MODULE:
    # The report's first page names it.
    config.setdefault("dataset", CONFIG["dataset"])
if CONFIG["data_folder"]:
    os.environ.update(MNIST_DIR=CONFIG["data_folder"])
DATASET = CONFIG["dataset"]
PATHS = paths.Paths(f"results/{CONFIG.get('folder', DATASET)}")
if CONFIG["models_folder"]:
    os.environ.update(MIRAGE_MODELS=CONFIG["models_folder"])
PLAN = plan.Plan(STUDY, PATHS, FOLDER, os.environ.get("MIRAGE_MODELS", ""))


RAW_FILES = [f"{PATHS.raw}/{file}" for file in folders.IDX.files]


def check_folder(folder):
    """Tell what a local folder of data lacks before any job starts.

    Once the data are taken from it, it may be gone.
    """
    layout = folders.LAYOUTS.get(DATASET)
    problems = folders.faults(folder, layout) if folder and layout else []
    taken = RAW_FILES if DATASET in register.DOWNLOADED else PLAN.all_data()
    if problems and not all(map(os.path.exists, taken)):
        key = "data_folder" if CONFIG["data_folder"] else "MNIST_DIR"
        raise WorkflowError(f"{key}: {folders.refusal(folder, problems)}")


def check_models():
    """Tell which files of audited models are missing before any job starts."""
    lacking = [file for file in PLAN.files_of_others() if not os.path.exists(file)]
    if lacking and not all(map(os.path.exists, PLAN.audit_files("audit.json"))):
        more = f" (and {len(lacking) - 1} more)" if lacking[1:] else ""
        raise WorkflowError(
            f"audits: there is no {lacking[0]}{more}; name the folder of the models in "
            "models_folder, or in the environment variable MIRAGE_MODELS"
        )


def audited(wildcards):
    """The files of an audit; what is no result lies where it is, whatever the `prefix:` of a module."""
    return {
        key: local(file) if file and not PLAN.is_result(file) else file
        for key, file in PLAN.audited(wildcards).items()
    }


def python(name, *options, log=" > {log:q} 2>&1"):
    """The command of a rule: a script, the specification of its job (`params.job`), its files."""
    command = ["python", shlex.quote(str(SCRIPTS / name)), "--job {params.job:q}", *options]
    return " ".join(command) + log


def gathering(name, *options):
    """As `python`, of a job that reads files of the whole study, a `Gathering`.

    The command line would grow with the study, and Linux takes 2 MiB of it. So bash, which has no
    such limit, hands all its words over through standard input.
    """
    script = shlex.quote(str(SCRIPTS / name))
    words = " ".join(["--job {params.job:q}", *options])
    return rf"python {script} - < <(printf '%s\0' {words}) > {{log:q}} 2>&1"


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
