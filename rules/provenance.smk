# Where every result comes from: what each file was made of, by which code, when and where.

from snakemake.settings.types import ExecMode

# Known here, and in a container, which has no git, from here. No parameter: a commit is no reason
# to run again.
if workflow.exec_mode == ExecMode.DEFAULT:
    os.environ.update(MIRAGE_VERSION=json.dumps(machine.version(FOLDER)))


rule provenance:
    input:
        results=[*PLAN.all_tables(), *PLAN.all_claims(), *PLAN.all_figures()],
        configuration=rules.configuration.output,
    output:
        # What was recorded before spares reading the checkpoints again.
        update(PATHS.provenance),
    log:
        f"{PATHS.logs}/provenance.log",
    localrule: True
    params:
        job=lambda wildcards: PLAN.provenance(LOCK),
    shell:
        python(
            "provenance.py",
            "--configuration {input.configuration:q} --results {input.results:q}",
            "--output {output:q}",
        )
