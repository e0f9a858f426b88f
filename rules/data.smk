# From the mirrors, a local folder or scikit-learn to three files of images and labels.

check_folder(os.environ.get("MNIST_DIR", ""))


# A local folder comes in through the environment: it is no reason to run again, since whatever the
# way the same checksums are asked for.
rule download:
    output:
        RAW_FILES,
    log:
        f"{PATHS.logs}/download.log",
    localrule: True
    params:
        job=PLAN.download,
        folder=lambda wildcards, output: Path(output[0]).parent,
    shell:
        python("download.py", "--output-folder {params.folder:q}", log="")
        + ' ${{MNIST_DIR:+--local-folder="$MNIST_DIR"}} 2>&1 | tee {log:q}'


# CIFAR-10 is read where it lies, from the same variable.
rule prepare:
    input:
        raw=RAW_FILES if DATASET in register.DOWNLOADED else [],
    output:
        expand(PATHS.data, split=["train", "validation", "test"], allow_missing=True),
    log:
        f"{PATHS.logs}/prepare/{{train}}-{{validation}}{{drawn}}.log",
    resources:
        gpu=0,
        runtime=growing(5),
    params:
        job=PLAN.prepare,
    shell:
        python(
            "prepare.py",
            "--raw {input.raw:q} --output {output:q}",
            '${{MNIST_DIR:+--folder="$MNIST_DIR"}}',
        )
