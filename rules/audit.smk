# Audits: is a classifier robust, or is its gradient gone? Of checkpoints, and of models that others
# made. A masked model is a finding and fails no job.

check_models()


rule audit:
    input:
        unpack(audited),
        template=own(["scripts/mirage/auditing/audit.html.j2"]),
    output:
        json=f"{PATHS.audit}/audit.json",
        images=f"{PATHS.audit}/images.csv",
        page=report(
            f"{PATHS.audit}/audit.html",
            caption="../report/audit.rst",
            category="Audits",
            labels=lambda wildcards: {
                "title": f"{wildcards.audit}: {PLAN.subjects[wildcards.audit, wildcards.subject].title}"
            },
        ),
    log:
        PATHS.log(f"{PATHS.audit}/audit.json"),
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        job=PLAN.audit,
    shell:
        python(
            "audit.py",
            "--model {input.model:q} --data {input.data:q} --architecture {input.architecture:q}",
            "--threads {threads} --output {output:q}",
        )


rule audits:
    input:
        data=PLAN.audit_files("audit.json"),
    output:
        csv=report(
            PATHS.table.format(table="audits.csv"),
            caption="../report/audits.rst",
            category="Audits",
            labels={"title": "All audits"},
        ),
        markdown=PATHS.table.format(table="audits.md"),
    log:
        f"{PATHS.logs}/tables/audits.log",
    resources:
        gpu=0,
        runtime=growing(5),
    params:
        job=PLAN.audits,
    shell:
        gathering("audits.py", "--data {input.data:q} --output {output:q}")
