# A chain of checkpoints: each link takes the checkpoint before it and gives the next.


rule train:
    input:
        unpack(PLAN.link_inputs),
    output:
        checkpoint=PATHS.checkpoint,
        history=PATHS.history,
    log:
        f"{PATHS.logs}/train/{{run}}/seed{{seed}}/epoch{{epoch}}.log",
    # Within a job of a cluster: one Snakemake trains the chain, instead of one for each link.
    group:
        "train_{run}_{seed}" if workflow.remote_exec else None
    # A fixed number of threads fixes the order of every sum, and with it every bit; two jobs of
    # one thread are also faster than one job of two.
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        job=PLAN.link,
    shell:
        python(
            "train.py",
            "--training {input.training:q} --validation {input.validation:q}",
            "--before {input.before:q} --teacher {input.teacher:q} --threads {threads}",
            "--checkpoint {output.checkpoint:q} --history {output.history:q}",
        )


# The images that a fine-tuned run is trained on; not kept, since they are large and quickly made.
rule perturb:
    input:
        unpack(PLAN.of_checkpoint),
    output:
        temp(PATHS.perturbed),
    log:
        PATHS.log(PATHS.perturbed),
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        job=PLAN.perturb,
    shell:
        python("perturb.py", ON_CHECKPOINTS)
