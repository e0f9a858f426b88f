# A chain of checkpoints: each link takes the checkpoint before it and gives the next.


rule train:
    input:
        training=training_images,
        validation=lambda wildcards: data(wildcards.run, "validation"),
        previous=lambda wildcards: [
            CHECKPOINT.format(**{**wildcards, "epoch": epoch})
            for epoch in [previous_epoch(wildcards.run, wildcards.epoch)]
            if epoch
        ],
        start=lambda wildcards: (
            [] if previous_epoch(wildcards.run, wildcards.epoch) else start(wildcards)
        ),
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
        mem_mb=growing(2000),
        runtime=growing(30),
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
        start=lambda wildcards, input: f"--start {input.start}" if input.start else "",
        labels=lambda wildcards: labels(wildcards),
    shell:
        "python {input.script} --training {input.training} --validation {input.validation}"
        " {params.previous} {params.start} --network {params.network} --dtype {params.dtype}"
        " --optimizer {params.optimizer:q} --learning-rate {params.learning_rate:q}"
        " --objective {params.objective:q} --l2 {params.l2} --batch-size {params.batch_size}"
        " --seed {wildcards.seed} --first-epoch {params.first_epoch}"
        " --last-epoch {wildcards.epoch} --labels {params.labels:q} --threads {threads}"
        " --checkpoint {output.checkpoint} --history {output.history} > {log} 2>&1"


# The images that a fine-tuned run is trained on; not kept, since they are large and quickly made.
rule perturb:
    input:
        data=lambda wildcards: data(wildcards.run, "train"),
        checkpoint=CHECKPOINT,
        script=SCRIPTS / "perturb.py",
        code=lambda wildcards: attack_code(wildcards, "perturb.py"),
    output:
        temp(PERTURBED),
    log:
        f"{LOGS}/perturbed/{{run}}/seed{{seed}}/epoch{{epoch}}/{{attack}}_{{size}}.log",
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        method=lambda wildcards: ATTACKS[wildcards.attack]["method"],
        parameters=lambda wildcards: json.dumps(attack_parameters(wildcards.attack)),
        dtype=lambda wildcards: RUNS[wildcards.run]["dtype"],
        epsilon=epsilon_option,
    shell:
        "python {input.script} --data {input.data} --checkpoint {input.checkpoint}"
        " --method {params.method} --parameters {params.parameters:q} --dtype {params.dtype}"
        " {params.epsilon} --seed {wildcards.seed} {wildcards.epoch} --threads {threads}"
        " --output {output} > {log} 2>&1"
