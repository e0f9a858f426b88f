# Figures, each from the tables of its own series.


rule figure:
    input:
        data=lambda wildcards: PLAN.figure_data(wildcards.figure),
        probes=lambda wildcards: PLAN.figure_probes(wildcards.figure),
        published=lambda wildcards: own(PLAN.figure_published(wildcards.figure)),
    output:
        png=report(
            f"{PATHS.figure}.png",
            caption="../report/figure.rst",
            category=lambda wildcards: CONFIG["figures"][wildcards.figure]["category"],
            labels=lambda wildcards: {
                "title": as_text(CONFIG["figures"][wildcards.figure]["title"])
            },
        ),
        svg=f"{PATHS.figure}.svg",
    log:
        f"{PATHS.logs}/figures/{{figure}}.log",
    resources:
        gpu=0,
        runtime=growing(5),
    params:
        job=PLAN.figure,
        # What takes an input is no reason to run again: a word in a caption draws nothing anew.
        caption=lambda wildcards, input: as_caption(CONFIG["figures"][wildcards.figure]["caption"]),
    shell:
        gathering(
            "figure.py",
            "--data {input.data:q} --probes {input.probes:q}",
            "--published {input.published:q} --output {output:q}",
        )
