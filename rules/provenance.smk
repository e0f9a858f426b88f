# Where every result comes from: what each file was made of, by which code, when and where.

from snakemake.settings.types import ExecMode

# Known here, and in a container, which has no git, from here. No parameter: a commit is no reason
# to run again.
# Nor is where Snakemake keeps its records: the address of a database may hold a password.
if workflow.exec_mode == ExecMode.DEFAULT:
    KEEPS = workflow.workflow_settings
    KEPT = [KEEPS.persistence_backend.name.lower(), KEEPS.persistence_backend_db_url]
    os.environ.update(
        MIRAGE_VERSION=json.dumps(machine.version(FOLDER)), MIRAGE_RECORDS=json.dumps(KEPT)
    )


rule provenance:
    input:
        results=[
            *PLAN.all_tables(),
            *PLAN.all_claims(),
            *PLAN.all_figures(),
            *PLAN.audit_files(),
        ],
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
        gathering(
            "provenance.py",
            "--configuration {input.configuration:q} --results {input.results:q}",
            "--output {output:q}",
        )
