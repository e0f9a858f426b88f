# The ledger of claims: what the sources say, held against what this run measured.

# What a `prefix:` puts before all results where this workflow is a module of another.
PREFIX = rules.configuration.output[0].removesuffix(PATHS.configuration)
# They are judged at the very end, hours after a fault in them could have been told.
if STUDY.claims:
    try:
        claims.check(STUDY.claims, SERIES)
    except claims.ClaimsError as error:
        raise WorkflowError(str(error))


rule claims:
    input:
        claims=own(os.path.relpath(file, FOLDER) for file in STUDY.claim_files),
        series=own(PLAN.claims_published()),
        attacks=PATHS.table.format(table="attacks.csv"),
        gradients=PLAN.gradient_table(),
        measures=PATHS.table.format(table="measures.csv"),
        history=PATHS.table.format(table="history.csv"),
        restarts=PLAN.all_restarts(),
    output:
        csv=PATHS.table.format(table="claims.csv"),
        markdown=PATHS.table.format(table="claims.md"),
        html=report(
            PATHS.table.format(table="claims.html"),
            caption="../report/claims.rst",
            category="Claims",
            labels={"title": "Every claim and its verdict"},
        ),
    log:
        f"{PATHS.logs}/tables/claims.log",
    resources:
        gpu=0,
        runtime=growing(5),
    params:
        # For the links only: the figures themselves are no input.
        job=lambda wildcards: PLAN.claims(PREFIX),
    shell:
        gathering(
            "judge.py",
            "--claims {input.claims:q} --series {input.series:q}",
            "--attacks {input.attacks:q} --gradients {input.gradients:q}",
            "--measures {input.measures:q}",
            "--history {input.history:q} --restarts {input.restarts:q} --output {output:q}",
        )
