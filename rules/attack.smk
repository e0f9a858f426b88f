# Attacks on all checkpoints of a run and seed. One-step attacks sweep all epsilons with one gradient
# of each checkpoint, iterative attacks are a job for each epsilon, and attacks that look for the
# smallest perturbation themselves take none.


rule sweep:
    input:
        data=lambda wildcards: data(wildcards.run, wildcards.split),
        checkpoints=lambda wildcards: checkpoints(wildcards.run, wildcards.seed),
        sources=transfer_sources,
        script=SCRIPTS / "attack.py",
        code=attack_code,
    output:
        SWEEP,
    log:
        f"{LOGS}/{EVALUATION}/sweep.log",
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        method=lambda wildcards: ATTACKS[wildcards.attack]["method"],
        parameters=lambda wildcards: json.dumps(attack_parameters(wildcards.attack)),
        epochs=lambda wildcards: RUNS[wildcards.run]["epochs"],
        epsilons=lambda wildcards: " ".join(["--epsilons", *evaluated(wildcards).epsilons]),
        images=image_option,
        defence=defence_option,
        labels=lambda wildcards: labels(
            wildcards,
            split=wildcards.split,
            attack=wildcards.attack,
            defence=wildcards.defence,
        ),
        sources=lambda wildcards, input: f"--sources {input.sources}" if input.sources else "",
    shell:
        "python {input.script} --data {input.data} --checkpoints {input.checkpoints}"
        " --epochs {params.epochs} {params.sources} --method {params.method}"
        " --parameters {params.parameters:q} --dtype {wildcards.dtype}"
        " {params.epsilons} {params.images} {params.defence} --labels {params.labels:q}"
        " --threads {threads} --output {output} > {log} 2>&1"


use rule sweep as attack with:
    output:
        ATTACK,
    log:
        f"{LOGS}/{EVALUATION}/eps{{epsilon}}.log",
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        epsilons=lambda wildcards: f"--epsilons {wildcards.epsilon}",


use rule sweep as minimal with:
    output:
        MINIMAL,
    log:
        f"{LOGS}/{EVALUATION}/minimal.log",
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        epsilons="",


rule examples:
    input:
        data=lambda wildcards: data(wildcards.run, wildcards.split),
        checkpoint=CHECKPOINT,
        script=SCRIPTS / "examples.py",
        code=lambda wildcards: attack_code(wildcards, "examples.py"),
    output:
        EXAMPLES,
    log:
        f"{LOGS}/{EVALUATION}/examples_epoch{{epoch}}_{{size}}.log",
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        method=lambda wildcards: ATTACKS[wildcards.attack]["method"],
        parameters=lambda wildcards: json.dumps(attack_parameters(wildcards.attack)),
        epsilon=epsilon_option,
        defence=defence_option,
    shell:
        "python {input.script} --data {input.data} --checkpoint {input.checkpoint}"
        " --method {params.method} --parameters {params.parameters:q}"
        " --dtype {wildcards.dtype} {params.epsilon} {params.defence}"
        " --seed {wildcards.seed} {wildcards.epoch} --threads {threads}"
        " --output {output} > {log} 2>&1"


# Where each of many restarts of PGD ends, for a few images.
rule restarts:
    input:
        data=lambda wildcards: data(wildcards.run, wildcards.split),
        checkpoint=CHECKPOINT,
        script=SCRIPTS / "restarts.py",
        code=lambda wildcards: code("restarts.py"),
    output:
        RESTARTS,
    log:
        f"{LOGS}/{EVALUATION}/restarts_epoch{{epoch}}_eps{{epsilon}}.log",
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        parameters=lambda wildcards: json.dumps(attack_parameters(wildcards.attack)),
        labels=lambda wildcards: labels(
            wildcards,
            split=wildcards.split,
            attack=wildcards.attack,
            defence=wildcards.defence,
        ),
    shell:
        "python {input.script} --data {input.data} --checkpoint {input.checkpoint}"
        " --parameters {params.parameters:q} --dtype {wildcards.dtype}"
        " --epsilon {wildcards.epsilon} --epoch {wildcards.epoch}"
        " --labels {params.labels:q} --threads {threads} --output {output} > {log} 2>&1"
