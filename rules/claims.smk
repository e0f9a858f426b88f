# The ledger of claims: what the sources say, held against what this run measured.

# What a `prefix:` puts before all results where this workflow is a module of another.
PREFIX = rules.configuration.output[0].removesuffix(f"{RESULTS}/configuration.yaml")
# They are judged at the very end, hours after a fault in them could have been told.
if STUDY.claims:
    try:
        claims.check(STUDY.claims, FOLDER / "schemas/claims.schema.yaml", SERIES)
    except claims.ClaimsError as error:
        raise WorkflowError(str(error))


rule claims:
    input:
        claims=[own(os.path.relpath(file, FOLDER)) for file in STUDY.claim_files],
        schema=own("schemas/claims.schema.yaml"),
        series=published_files(
            condition["series"]
            for claim in STUDY.claims
            for condition in claim.get("test", ())
            if "series" in condition
        ),
        attacks=TABLE.format(table="attacks.csv"),
        measures=TABLE.format(table="measures.csv"),
        history=TABLE.format(table="history.csv"),
        restarts=ALL_RESTARTS,
        script=own("scripts/judge.py"),
        code=code("judge.py"),
    output:
        csv=TABLE.format(table="claims.csv"),
        markdown=TABLE.format(table="claims.md"),
        html=report(
            TABLE.format(table="claims.html"),
            caption="../report/claims.rst",
            category="Claims",
            labels={"title": "Every claim and its verdict"},
        ),
    log:
        f"{LOGS}/tables/claims.log",
    resources:
        gpu=0,
        runtime=growing(5),
    params:
        version=version("judge.py"),
        dataset=DATASET,
        claims=lambda wildcards, input: option("--claims", input.claims),
        series=lambda wildcards, input: option("--series", input.series),
        own=as_json(CONFIG["claims"]),
        twins=json.dumps(STUDY.twins),
        dtypes=json.dumps({name: run["dtype"] for name, run in RUNS.items()}),
        # For the links only: the figures themselves are no input.
        figures=json.dumps({name: f"{PREFIX}{FIGURE.format(figure=name)}.png" for name in FIGURES}),
    shell:
        "python {input.script:q} --dataset {params.dataset:q} {params.claims} --own {params.own:q}"
        " --twins {params.twins:q} --dtypes {params.dtypes:q}"
        " --schema {input.schema:q} {params.series} --attacks {input.attacks:q}"
        " --measures {input.measures:q} --history {input.history:q} --restarts {input.restarts:q}"
        " --figures {params.figures:q} --output {output:q} > {log:q} 2>&1"
