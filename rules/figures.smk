# Figures, each from the tables of its own series.


rule figure:
    input:
        data=lambda wildcards: figure_data(wildcards.figure),
        published=lambda wildcards: figure_published(wildcards.figure),
        script=own("scripts/figure.py"),
        code=lambda wildcards: code(
            "figure.py", f"reporting.plots.{FIGURES[wildcards.figure]['plot']}"
        ),
    output:
        png=report(
            f"{FIGURE}.png",
            caption="../report/figure.rst",
            category=lambda wildcards: FIGURES[wildcards.figure]["category"],
            labels=lambda wildcards: {"title": as_text(FIGURES[wildcards.figure]["title"])},
        ),
        svg=f"{FIGURE}.svg",
    log:
        f"{LOGS}/figures/{{figure}}.log",
    resources:
        gpu=0,
        runtime=growing(5),
    params:
        version=lambda wildcards: version(
            "figure.py", f"reporting.plots.{FIGURES[wildcards.figure]['plot']}"
        ),
        plot=lambda wildcards: FIGURES[wildcards.figure]["plot"],
        figure=lambda wildcards: as_json(FIGURES[wildcards.figure]),
        published=lambda wildcards, input: option("--published", input.published),
        caption=lambda wildcards: as_caption(FIGURES[wildcards.figure]["caption"]),
    shell:
        "python {input.script:q} --plot {params.plot:q} --figure {params.figure:q}"
        " --data {input.data:q} {params.published} --output {output:q} > {log:q} 2>&1"
