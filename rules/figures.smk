# Figures, each from the tables of its own series.


rule figure:
    input:
        data=lambda wildcards: figure_data(wildcards.figure),
        published=lambda wildcards: figure_published(wildcards.figure),
        script=SCRIPTS / "figure.py",
        code=lambda wildcards: code("figure.py", f"plots.{FIGURES[wildcards.figure]['plot']}"),
    output:
        png=report(
            f"{FIGURE}.png",
            caption="../report/figure.rst",
            category=lambda wildcards: FIGURES[wildcards.figure]["category"],
            labels=lambda wildcards: {"figure": FIGURES[wildcards.figure]["title"]},
        ),
        svg=f"{FIGURE}.svg",
    log:
        f"{LOGS}/figures/{{figure}}.log",
    resources:
        gpu=0,
        runtime=growing(5),
    params:
        plot=lambda wildcards: FIGURES[wildcards.figure]["plot"],
        figure=lambda wildcards: json.dumps(FIGURES[wildcards.figure]),
        published=lambda wildcards, input: (
            f"--published {input.published}" if input.published else ""
        ),
        caption=lambda wildcards: FIGURES[wildcards.figure]["caption"],
    shell:
        "python {input.script} --plot {params.plot} --figure {params.figure:q}"
        " --data {input.data} {params.published} --output {output} > {log} 2>&1"
