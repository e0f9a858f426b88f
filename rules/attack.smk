# Attacks on all checkpoints of a run and seed. One-step attacks sweep all epsilons with one gradient
# of each checkpoint, iterative attacks are a job for each epsilon, and attacks that look for the
# smallest perturbation themselves take none.


# What the three rules share. No rule is made from another by `use rule`: a workflow that uses this
# one as a module may then take any of them alone.
ATTACKED = {
    "data": lambda wildcards: data(wildcards.run, wildcards.split),
    "checkpoints": lambda wildcards: checkpoints_of(wildcards.run, wildcards.seed),
    "sources": transfer_sources,
    "script": own("scripts/attack.py"),
    "code": attack_code,
}
ATTACKING = {
    "version": lambda wildcards: attack_code(wildcards, given=version),
    "method": lambda wildcards: ATTACKS[wildcards.attack]["method"],
    "parameters": lambda wildcards: json.dumps(attack_parameters(wildcards.attack)),
    "epochs": lambda wildcards: RUNS[wildcards.run]["epochs"],
    "trained": trained,
    "images": image_option,
    "defence": defence_option,
    "labels": lambda wildcards: labels(
        wildcards,
        split=wildcards.split,
        attack=wildcards.attack,
        defence=wildcards.defence,
    ),
    "sources": lambda wildcards, input: option("--sources", input.sources),
}
ATTACK_COMMAND = (
    "python {input.script:q} --data {input.data:q} --checkpoints {input.checkpoints:q}"
    " --trained {params.trained:q}"
    " --epochs {params.epochs:q} {params.sources} --method {params.method:q}"
    " --parameters {params.parameters:q} --dtype {wildcards.dtype:q}"
    " {params.epsilons} {params.images} {params.defence} --labels {params.labels:q}"
    " --threads {threads} --output {output:q} > {log:q} 2>&1"
)


rule sweep:
    input:
        **ATTACKED,
    output:
        SWEEP,
    log:
        f"{LOGS}/{EVALUATION}/sweep.log",
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        **ATTACKING,
        epsilons=lambda wildcards: " ".join(["--epsilons", *evaluated(wildcards).epsilons]),
    shell:
        ATTACK_COMMAND


rule attack:
    input:
        **ATTACKED,
    output:
        ATTACK,
    log:
        f"{LOGS}/{EVALUATION}/eps{{epsilon}}.log",
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        **ATTACKING,
        epsilons=lambda wildcards: f"--epsilons {wildcards.epsilon}",
    shell:
        ATTACK_COMMAND


rule minimal:
    input:
        **ATTACKED,
    output:
        MINIMAL,
    log:
        f"{LOGS}/{EVALUATION}/minimal.log",
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        **ATTACKING,
        epsilons="",
    shell:
        ATTACK_COMMAND


rule examples:
    input:
        data=lambda wildcards: data(wildcards.run, wildcards.split),
        checkpoint=CHECKPOINT,
        script=own("scripts/examples.py"),
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
        version=lambda wildcards: attack_code(wildcards, "examples.py", given=version),
        method=lambda wildcards: ATTACKS[wildcards.attack]["method"],
        parameters=lambda wildcards: json.dumps(attack_parameters(wildcards.attack)),
        trained=trained,
        epsilon=epsilon_option,
        defence=defence_option,
    shell:
        "python {input.script:q} --data {input.data:q} --checkpoint {input.checkpoint:q}"
        " --trained {params.trained:q}"
        " --method {params.method:q} --parameters {params.parameters:q}"
        " --dtype {wildcards.dtype:q} {params.epsilon} {params.defence}"
        " --seed {wildcards.seed:q} {wildcards.epoch:q} --threads {threads}"
        " --output {output:q} > {log:q} 2>&1"


# Where each of many restarts of PGD ends, for a few images.
rule restarts:
    input:
        data=lambda wildcards: data(wildcards.run, wildcards.split),
        checkpoint=CHECKPOINT,
        script=own("scripts/restarts.py"),
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
        version=lambda wildcards: version("restarts.py"),
        parameters=lambda wildcards: json.dumps(attack_parameters(wildcards.attack)),
        trained=trained,
        labels=lambda wildcards: labels(
            wildcards,
            split=wildcards.split,
            attack=wildcards.attack,
            defence=wildcards.defence,
        ),
    shell:
        "python {input.script:q} --data {input.data:q} --checkpoint {input.checkpoint:q}"
        " --trained {params.trained:q}"
        " --parameters {params.parameters:q} --dtype {wildcards.dtype:q}"
        " --epsilon {wildcards.epsilon:q} --epoch {wildcards.epoch:q}"
        " --labels {params.labels:q} --threads {threads} --output {output:q} > {log:q} 2>&1"
