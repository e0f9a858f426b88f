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
        script=own("scripts/train.py"),
        code=lambda wildcards: code(
            "train.py", f"training.objectives.{RUNS[wildcards.run]['objective']['name']}"
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
        version=lambda wildcards: version(
            "train.py", f"training.objectives.{RUNS[wildcards.run]['objective']['name']}"
        ),
        network=lambda wildcards: RUNS[wildcards.run]["network"],
        dtype=lambda wildcards: RUNS[wildcards.run]["dtype"],
        optimizer=lambda wildcards: json.dumps(RUNS[wildcards.run]["optimizer"]),
        learning_rate=lambda wildcards: json.dumps(RUNS[wildcards.run]["learning_rate"]),
        objective=lambda wildcards: json.dumps(RUNS[wildcards.run]["objective"]),
        l2=lambda wildcards: RUNS[wildcards.run]["l2"],
        batch_size=lambda wildcards: RUNS[wildcards.run]["batch_size"],
        first_epoch=lambda wildcards: previous_epoch(wildcards.run, wildcards.epoch) + 1,
        previous=lambda wildcards, input: option("--previous", input.previous),
        start=lambda wildcards, input: option("--start", input.start),
        labels=lambda wildcards: labels(wildcards),
    shell:
        "python {input.script:q} --training {input.training:q} --validation {input.validation:q}"
        " {params.previous} {params.start} --network {params.network:q} --dtype {params.dtype:q}"
        " --optimizer {params.optimizer:q} --learning-rate {params.learning_rate:q}"
        " --objective {params.objective:q} --l2 {params.l2:q} --batch-size {params.batch_size:q}"
        " --seed {wildcards.seed:q} --first-epoch {params.first_epoch:q}"
        " --last-epoch {wildcards.epoch:q} --labels {params.labels:q} --threads {threads}"
        " --checkpoint {output.checkpoint:q} --history {output.history:q} > {log:q} 2>&1"


# The images that a fine-tuned run is trained on; not kept, since they are large and quickly made.
rule perturb:
    input:
        data=lambda wildcards: data(wildcards.run, "train"),
        checkpoint=CHECKPOINT,
        script=own("scripts/perturb.py"),
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
        version=lambda wildcards: attack_code(wildcards, "perturb.py", given=version),
        method=lambda wildcards: ATTACKS[wildcards.attack]["method"],
        parameters=lambda wildcards: json.dumps(attack_parameters(wildcards.attack)),
        dtype=lambda wildcards: RUNS[wildcards.run]["dtype"],
        trained=trained,
        epsilon=epsilon_option,
    shell:
        "python {input.script:q} --data {input.data:q} --checkpoint {input.checkpoint:q}"
        " --trained {params.trained:q}"
        " --method {params.method:q} --parameters {params.parameters:q} --dtype {params.dtype:q}"
        " {params.epsilon} --seed {wildcards.seed:q} {wildcards.epoch:q} --threads {threads}"
        " --output {output:q} > {log:q} 2>&1"
