# All rows together, their means over seeds, the short table and the published values beside ours.


rule table:
    input:
        data=lambda wildcards: PLAN.rows(wildcards.table),
    output:
        csv=f"{PATHS.table}.csv",
        markdown=f"{PATHS.table}.md",
    log:
        f"{PATHS.logs}/tables/{{table}}.log",
    wildcard_constraints:
        table="attacks|gradients|measures|history",
    resources:
        gpu=0,
        runtime=growing(5),
    params:
        job=lambda wildcards: PLAN.table(wildcards.table),
    shell:
        gathering("table.py", "--data {input.data:q} --output {output:q}")


rule cells:
    input:
        data=lambda wildcards: PLAN.cell_files(wildcards.custom, "attack"),
        gradients=lambda wildcards: PLAN.cell_files(wildcards.custom, "gradient"),
        published=lambda wildcards: own(
            PLAN.published_files([CONFIG["tables"][wildcards.custom]["published"]])
        ),
    output:
        csv=f"{PATHS.cells}.csv",
        markdown=report(
            f"{PATHS.cells}.md",
            caption="../report/cells.rst",
            category=lambda wildcards: CONFIG["tables"][wildcards.custom]["category"],
            labels=lambda wildcards: {
                "title": as_text(CONFIG["tables"][wildcards.custom]["title"])
            },
        ),
    log:
        f"{PATHS.logs}/tables/{{custom}}.log",
    resources:
        gpu=0,
        runtime=growing(5),
    params:
        job=PLAN.cells,
        # What takes an input is no reason to run again.
        caption=lambda wildcards, input: as_caption(CONFIG["tables"][wildcards.custom]["caption"]),
    shell:
        gathering(
            "table.py",
            "--data {input.data:q} --gradients {input.gradients:q}",
            "--published {input.published:q} --output {output:q}",
        )


rule summary:
    input:
        data=lambda wildcards: PLAN.summary_files(),
        gradients=lambda wildcards: PLAN.summary_gradients(),
    output:
        csv=report(
            PATHS.table.format(table="summary.csv"),
            caption="../report/summary.rst",
            category="Tables",
        ),
        markdown=PATHS.table.format(table="summary.md"),
    log:
        f"{PATHS.logs}/tables/summary.log",
    resources:
        gpu=0,
        runtime=growing(5),
    params:
        job=lambda wildcards: PLAN.table("summary", CONFIG["summary"]),
    shell:
        gathering(
            "table.py",
            "--data {input.data:q} --gradients {input.gradients:q} --output {output:q}",
        )


rule published:
    input:
        attacks=PATHS.table.format(table="attacks.csv"),
        gradients=PLAN.gradient_table(),
        measures=PATHS.table.format(table="measures.csv"),
        published=own(PLAN.figure_published(*CONFIG["figures"])),
    output:
        csv=report(
            PATHS.table.format(table="published.csv"),
            caption="../report/published.rst",
            category="Tables",
        ),
        markdown=PATHS.table.format(table="published.md"),
    log:
        f"{PATHS.logs}/tables/published.log",
    resources:
        gpu=0,
        runtime=growing(5),
    params:
        job=PLAN.published,
    shell:
        gathering(
            "table.py",
            "--data {input.attacks:q} {input.measures:q} --gradients {input.gradients:q}",
            "--published {input.published:q} --output {output:q}",
        )


rule configuration:
    output:
        report(
            PATHS.configuration,
            caption="../report/configuration.rst",
            category="Configuration",
        ),
    log:
        f"{PATHS.logs}/configuration.log",
    resources:
        gpu=0,
        runtime=growing(5),
    params:
        job=PLAN.configuration,
    shell:
        gathering("configuration.py", "--output {output:q}")
