# Spectral norms, logit margins and class accuracies of all checkpoints of a run and seed.


rule measure:
    input:
        data=lambda wildcards: data(wildcards.run, "test"),
        checkpoints=lambda wildcards: checkpoints_of(wildcards.run, wildcards.seed),
        script=own("scripts/measure.py"),
        code=code("measure.py"),
    output:
        MEASURES,
    log:
        f"{LOGS}/measures/{{run}}/seed{{seed}}.log",
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        version=version("measure.py"),
        epochs=lambda wildcards: RUNS[wildcards.run]["epochs"],
        trained=trained,
        labels=lambda wildcards: labels(wildcards, split="test"),
    shell:
        "python {input.script:q} --data {input.data:q} --checkpoints {input.checkpoints:q}"
        " --trained {params.trained:q}"
        " --epochs {params.epochs:q} --labels {params.labels:q} --threads {threads}"
        " --output {output:q} > {log:q} 2>&1"
