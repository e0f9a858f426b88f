# Where every result comes from: what each file was made of, by which code, when and where.

from snakemake.settings.types import ExecMode

# Known here, and in a container, which has no git, from here. No parameter: a commit is no reason
# to run again.
if workflow.exec_mode == ExecMode.DEFAULT:
    os.environ.update(MIRAGE_VERSION=json.dumps(machine.version(FOLDER)))


rule provenance:
    input:
        results=[*ALL_TABLES, *ALL_CLAIMS, *ALL_FIGURES],
        configuration=rules.configuration.output,
        script=own("scripts/provenance.py"),
        code=code("provenance.py"),
    output:
        # What was recorded before spares reading the checkpoints again.
        update(f"{RESULTS}/provenance.json"),
    log:
        f"{LOGS}/provenance.log",
    localrule: True
    params:
        lock=LOCK,
    shell:
        "python {input.script:q} --configuration {input.configuration:q} --results {input.results:q}"
        " --lock {params.lock:q} --output {output:q} > {log:q} 2>&1"
