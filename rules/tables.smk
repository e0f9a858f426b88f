# All rows together, their means over seeds, the short table and the published values beside ours.


rule table:
    input:
        data=lambda wildcards: {
            "attacks": ALL_EVALUATIONS,
            "measures": ALL_MEASURES,
            "history": ALL_HISTORIES,
        }[wildcards.table],
        script=own("scripts/table.py"),
        code=code("table.py"),
    output:
        csv=f"{TABLE}.csv",
        markdown=f"{TABLE}.md",
    log:
        f"{LOGS}/tables/{{table}}.log",
    wildcard_constraints:
        table="attacks|measures|history",
    resources:
        gpu=0,
        runtime=growing(5),
    params:
        version=version("table.py"),
    shell:
        "python {input.script:q} {wildcards.table:q} --data {input.data:q} --output {output:q} > {log:q} 2>&1"


rule cells:
    input:
        attacks=lambda wildcards: cell_files(CUSTOM_TABLES[wildcards.custom]),
        published=lambda wildcards: published_files([CUSTOM_TABLES[wildcards.custom]["published"]]),
        script=own("scripts/table.py"),
        code=code("table.py"),
    output:
        csv=f"{RESULTS}/tables/{{custom}}.csv",
        markdown=report(
            f"{RESULTS}/tables/{{custom}}.md",
            caption="../report/cells.rst",
            category=lambda wildcards: CUSTOM_TABLES[wildcards.custom]["category"],
            labels=lambda wildcards: {"title": as_text(CUSTOM_TABLES[wildcards.custom]["title"])},
        ),
    log:
        f"{LOGS}/tables/{{custom}}.log",
    wildcard_constraints:
        custom="|".join(map(re.escape, CUSTOM_TABLES)) or "none",
    resources:
        gpu=0,
        runtime=growing(5),
    params:
        version=version("table.py"),
        published=lambda wildcards, input: option("--published", input.published),
        table=lambda wildcards: as_json(CUSTOM_TABLES[wildcards.custom]),
        caption=lambda wildcards: as_caption(CUSTOM_TABLES[wildcards.custom]["caption"]),
    shell:
        "python {input.script:q} cells --data {input.attacks:q} {params.published}"
        " --options {params.table:q} --output {output:q} > {log:q} 2>&1"


rule summary:
    input:
        attacks=lambda wildcards: [
            file
            for run in CONFIG["summary"]["runs"]
            for column in CONFIG["summary"]["columns"]
            for one in STUDY.chosen(
                {
                    "run": run,
                    "attack": column["attack"],
                    "dtype": column["dtype"],
                    "split": CONFIG["summary"]["split"],
                    "epsilons": [CONFIG["summary"]["epsilon"]],
                }
            )
            for file in evaluation_files(one)
        ],
        script=own("scripts/table.py"),
        code=code("table.py"),
    output:
        csv=report(
            TABLE.format(table="summary.csv"),
            caption="../report/summary.rst",
            category="Tables",
        ),
        markdown=TABLE.format(table="summary.md"),
    log:
        f"{LOGS}/tables/summary.log",
    resources:
        gpu=0,
        runtime=growing(5),
    params:
        version=version("table.py"),
        # A function, since Snakemake takes {name} in a string for a wildcard.
        summary=lambda wildcards: as_json(CONFIG["summary"]),
    shell:
        "python {input.script:q} summary --data {input.attacks:q} --options {params.summary:q}"
        " --output {output:q} > {log:q} 2>&1"


rule published:
    input:
        attacks=TABLE.format(table="attacks.csv"),
        measures=TABLE.format(table="measures.csv"),
        published=figure_published(*FIGURES),
        script=own("scripts/table.py"),
        code=code("table.py"),
    output:
        csv=report(
            TABLE.format(table="published.csv"),
            caption="../report/published.rst",
            category="Tables",
        ),
        markdown=TABLE.format(table="published.md"),
    log:
        f"{LOGS}/tables/published.log",
    resources:
        gpu=0,
        runtime=growing(5),
    params:
        version=version("table.py"),
        series=lambda wildcards: as_json(
            [
                series
                for figure in FIGURES.values()
                for series in figure["series"]
                if "published" in series
            ]
        ),
    shell:
        "python {input.script:q} published --data {input.attacks:q} {input.measures:q}"
        " --published {input.published:q} --options {params.series:q} --output {output:q}"
        " > {log:q} 2>&1"


rule configuration:
    input:
        script=own("scripts/configuration.py"),
        code=code("configuration.py"),
    output:
        report(
            f"{RESULTS}/configuration.yaml",
            caption="../report/configuration.rst",
            category="Configuration",
        ),
    log:
        f"{LOGS}/configuration.log",
    resources:
        gpu=0,
        runtime=growing(5),
    params:
        version=version("configuration.py"),
        # Where the data lay makes no result, and is nobody else's business.
        config=lambda wildcards: as_json(CONFIG | {"data_folder": ""}),
    shell:
        "python {input.script:q} --config {params.config:q} --output {output:q} > {log:q} 2>&1"
