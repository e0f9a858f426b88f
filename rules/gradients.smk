# How much of a gradient is gone or wrong, for all checkpoints of a run and seed. Attacks that follow the
# same gradient share it.


rule gradients:
    input:
        unpack(PLAN.of_run),
    output:
        PATHS.gradients,
    log:
        PATHS.log(PATHS.gradients),
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        job=PLAN.gradients,
    shell:
        python("gradients.py", ON_CHECKPOINTS)
