# Attacks on all checkpoints of a run and seed. One-step attacks sweep all epsilons with one gradient
# of each checkpoint, iterative attacks are a job for each epsilon, and attacks that look for the
# smallest perturbation themselves take none.

# No rule is made from another by `use rule`: a workflow that uses this one as a module may then take
# any of them alone.
ATTACK = python("attack.py", ON_CHECKPOINTS, "--sources {input.sources:q}")


rule sweep:
    input:
        unpack(PLAN.attacked),
    output:
        PATHS.sweep,
    log:
        PATHS.log(PATHS.sweep),
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        job=PLAN.attack,
    shell:
        ATTACK


rule attack:
    input:
        unpack(PLAN.attacked),
    output:
        PATHS.attack,
    log:
        PATHS.log(PATHS.attack),
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        job=PLAN.attack,
    shell:
        ATTACK


rule minimal:
    input:
        unpack(PLAN.attacked),
    output:
        PATHS.minimal,
    log:
        PATHS.log(PATHS.minimal),
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        job=PLAN.attack,
    shell:
        ATTACK


rule examples:
    input:
        unpack(PLAN.of_checkpoint),
    output:
        PATHS.examples,
    log:
        PATHS.log(PATHS.examples),
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        job=PLAN.examples,
    shell:
        python("examples.py", ON_CHECKPOINTS)


# Where each of many restarts of PGD ends, for a few images.
rule restarts:
    input:
        unpack(PLAN.of_checkpoint),
    output:
        PATHS.restarts,
    log:
        PATHS.log(PATHS.restarts),
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        job=PLAN.restarts,
    shell:
        python("restarts.py", ON_CHECKPOINTS)
