# Attacks on all checkpoints of a run and seed: one-step attacks sweep all epsilons with one
# gradient of each checkpoint, iterative attacks are a job for each epsilon.


rule sweep:
    input:
        data=DATA,
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
        mem_mb=2000,
        runtime=60,
    params:
        method=lambda wildcards: ATTACKS[wildcards.attack]["method"],
        parameters=lambda wildcards: json.dumps(attack_parameters(wildcards.attack)),
        epochs=lambda wildcards: RUNS[wildcards.run]["epochs"],
        epsilons=sweep_epsilons,
        labels=lambda wildcards: labels(wildcards, split=wildcards.split, attack=wildcards.attack),
        sources=lambda wildcards, input: f"--sources {input.sources}" if input.sources else "",
    shell:
        "python {input.script} --data {input.data} --checkpoints {input.checkpoints}"
        " --epochs {params.epochs} {params.sources} --method {params.method}"
        " --parameters {params.parameters:q} --dtype {wildcards.dtype}"
        " --epsilons {params.epsilons} --labels {params.labels:q} --threads {threads}"
        " --output {output} > {log} 2>&1"


use rule sweep as attack with:
    output:
        ATTACK,
    log:
        f"{LOGS}/{EVALUATION}/eps{{epsilon}}.log",
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        method=lambda wildcards: ATTACKS[wildcards.attack]["method"],
        parameters=lambda wildcards: json.dumps(attack_parameters(wildcards.attack)),
        epochs=lambda wildcards: RUNS[wildcards.run]["epochs"],
        epsilons=lambda wildcards: wildcards.epsilon,
        labels=lambda wildcards: labels(wildcards, split=wildcards.split, attack=wildcards.attack),
        sources=lambda wildcards, input: f"--sources {input.sources}" if input.sources else "",


rule examples:
    input:
        data=DATA,
        checkpoint=CHECKPOINT,
        script=SCRIPTS / "examples.py",
        code=lambda wildcards: attack_code(wildcards, "examples.py"),
    output:
        EXAMPLES,
    log:
        f"{LOGS}/{EVALUATION}/examples_epoch{{epoch}}_eps{{epsilon}}.log",
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        method=lambda wildcards: ATTACKS[wildcards.attack]["method"],
        parameters=lambda wildcards: json.dumps(attack_parameters(wildcards.attack)),
    shell:
        "python {input.script} --data {input.data} --checkpoint {input.checkpoint}"
        " --method {params.method} --parameters {params.parameters:q}"
        " --dtype {wildcards.dtype} --epsilon {wildcards.epsilon}"
        " --seed {wildcards.seed} {wildcards.epoch} --threads {threads}"
        " --output {output} > {log} 2>&1"
