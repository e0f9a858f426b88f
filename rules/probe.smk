# Measurements of a network that are no attack, each asked for by name, for all checkpoints of a run and
# seed or the last one.


rule probe:
    input:
        unpack(PLAN.probed),
    output:
        PATHS.probe,
    log:
        PATHS.log(PATHS.probe),
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        job=PLAN.probe,
    shell:
        python("probe.py", ON_CHECKPOINTS)
