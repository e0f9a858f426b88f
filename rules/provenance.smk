# Where every result comes from: what each file was made of, by which code, when and where.


rule provenance:
    input:
        results=[*ALL_TABLES, *ALL_CLAIMS, *ALL_FIGURES],
        configuration=rules.configuration.output,
        script=SCRIPTS / "provenance.py",
        code=code("provenance.py"),
    output:
        # What was recorded before spares reading the checkpoints again.
        update(f"{RESULTS}/provenance.json"),
    log:
        f"{LOGS}/provenance.log",
    # Where Snakemake is, there are its records, and git.
    container:
        None
    params:
        lock=LOCK,
    shell:
        "python {input.script:q} --configuration {input.configuration:q} --results {input.results:q}"
        " --lock {params.lock:q} --output {output:q} > {log:q} 2>&1"
