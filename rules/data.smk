# From the mirrors, a local folder or scikit-learn to three files of images and labels.

RAW = f"{RESULTS}/data/raw"
RAW_FILES = [f"{RAW}/{file}" for file in folders.IDX.files]
check_folder(os.environ.get("MNIST_DIR", ""))


# A local folder comes in through the environment: it is no reason to run again, since whatever the
# way the same checksums are asked for.
rule download:
    input:
        script=own("scripts/download.py"),
        code=code("download.py"),
    output:
        RAW_FILES,
    log:
        f"{LOGS}/download.log",
    localrule: True
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
        script=own("scripts/prepare.py"),
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
        raw={"digits": "", "cifar10": '--cifar10="$MNIST_DIR"'}.get(
            DATASET, option("--raw", str(Path(rules.download.output[0]).parent))
        ),
    shell:
        "python {input.script:q} {params.raw} --train {wildcards.train:q}"
        " --validation {wildcards.validation:q} --output {output:q} > {log:q} 2>&1"
