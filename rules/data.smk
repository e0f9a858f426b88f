# From the mirrors, a local folder or scikit-learn to three files of images and labels.

from mirage import folders

RAW = f"{RESULTS}/data/raw"
RAW_FILES = [f"{RAW}/{file}" for file in folders.IDX.files]


def check_folder(folder):
    """Tell what a local folder lacks, before any job starts; once the data are taken from it, it
    may be gone.
    """
    splits = [data(run, split) for run in RUNS for split in ("train", "validation", "test")]
    taken = RAW_FILES if DATASET in study.DOWNLOADED else splits
    if problems := folders.faults(folder, folders.LAYOUTS[DATASET]):
        if not all(map(os.path.exists, taken)):
            key = "data_folder" if CONFIG["data_folder"] else "MNIST_DIR"
            raise WorkflowError(f"{key}: {folders.refusal(folder, problems)}")


if os.environ.get("MNIST_DIR") and DATASET in folders.LAYOUTS:
    check_folder(os.environ["MNIST_DIR"])


# A local folder comes in through the environment: it is no reason to run again, since whatever the
# way the same checksums are asked for.
rule download:
    input:
        script=SCRIPTS / "download.py",
        code=code("download.py"),
    output:
        RAW_FILES,
    log:
        f"{LOGS}/download.log",
    params:
        version=version("download.py"),
        folder=lambda wildcards, output: Path(output[0]).parent,
        dataset=DATASET,
    shell:
        "python {input.script:q} --dataset {params.dataset:q} --output-folder {params.folder:q}"
        ' ${{MNIST_DIR:+--local-folder="$MNIST_DIR"}} 2>&1 | tee {log:q}'


# CIFAR-10 is read where it lies, from the same variable.
rule prepare:
    input:
        raw=rules.download.output if DATASET in study.DOWNLOADED else [],
        script=SCRIPTS / "prepare.py",
        code=code("prepare.py"),
    output:
        expand(DATA, split=["train", "validation", "test"], allow_missing=True),
    log:
        f"{LOGS}/prepare/{{train}}-{{validation}}.log",
    resources:
        gpu=0,
        runtime=growing(5),
    params:
        version=version("prepare.py"),
        raw={"digits": "", "cifar10": '--cifar10="$MNIST_DIR"'}.get(DATASET, f"--raw {RAW}"),
    shell:
        "python {input.script:q} {params.raw} --train {wildcards.train:q}"
        " --validation {wildcards.validation:q} --output {output:q} > {log:q} 2>&1"
