# A chain of checkpoints: each link takes the checkpoint before it and gives the next.


rule train:
    input:
        training=DATA.format(split="train"),
        validation=DATA.format(split="validation"),
        previous=lambda wildcards: [
            CHECKPOINT.format(**{**wildcards, "epoch": epoch})
            for epoch in [previous_epoch(wildcards.run, wildcards.epoch)]
            if epoch
        ],
        script=SCRIPTS / "train.py",
        code=lambda wildcards: code(
            "train.py", f"objectives.{RUNS[wildcards.run]['objective']['name']}"
        ),
    output:
        checkpoint=CHECKPOINT,
        history=HISTORY,
    log:
        f"{LOGS}/train/{{run}}/seed{{seed}}/epoch{{epoch}}.log",
    # A fixed number of threads fixes the order of every sum, and with it every bit; two jobs of
    # one thread are also faster than one job of two.
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        network=lambda wildcards: RUNS[wildcards.run]["network"],
        dtype=lambda wildcards: RUNS[wildcards.run]["dtype"],
        optimizer=lambda wildcards: json.dumps(RUNS[wildcards.run]["optimizer"]),
        learning_rate=lambda wildcards: json.dumps(RUNS[wildcards.run]["learning_rate"]),
        objective=lambda wildcards: json.dumps(RUNS[wildcards.run]["objective"]),
        l2=lambda wildcards: RUNS[wildcards.run]["l2"],
        batch_size=lambda wildcards: RUNS[wildcards.run]["batch_size"],
        first_epoch=lambda wildcards: previous_epoch(wildcards.run, wildcards.epoch) + 1,
        previous=lambda wildcards, input: f"--previous {input.previous}" if input.previous else "",
        labels=lambda wildcards: labels(wildcards),
    shell:
        "python {input.script} --training {input.training} --validation {input.validation}"
        " {params.previous} --network {params.network} --dtype {params.dtype}"
        " --optimizer {params.optimizer:q} --learning-rate {params.learning_rate:q}"
        " --objective {params.objective:q} --l2 {params.l2} --batch-size {params.batch_size}"
        " --seed {wildcards.seed} --first-epoch {params.first_epoch}"
        " --last-epoch {wildcards.epoch} --labels {params.labels:q} --threads {threads}"
        " --checkpoint {output.checkpoint} --history {output.history} > {log} 2>&1"
