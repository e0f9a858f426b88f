# Spectral norms, logit margins and class accuracies of all checkpoints of a run and seed.


rule measure:
    input:
        unpack(PLAN.of_run),
    output:
        PATHS.measures,
    log:
        PATHS.log(PATHS.measures),
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        job=PLAN.measure,
    shell:
        python("measure.py", ON_CHECKPOINTS)
