"""mirage: is this classifier robust, or is its gradient gone?"""

from snakemake.utils import min_version

min_version("9.19")

if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


include: "rules/common.smk"


# Used with `--sdm apptainer` and `--sdm conda` only.
container: CONTAINER


conda: "envs/environment.yaml"


include: "rules/hooks.smk"
include: "rules/data.smk"
include: "rules/train.smk"
include: "rules/attack.smk"
include: "rules/gradients.smk"
include: "rules/measure.smk"
include: "rules/probe.smk"
include: "rules/audit.smk"
include: "rules/tables.smk"
include: "rules/claims.smk"
include: "rules/figures.smk"
include: "rules/provenance.smk"
include: "rules/report.smk"


# Of another workflow that uses this one as a module this is not the report.
if not MODULE:

    report: "report/workflow.rst"


# The first rule here, and so the default target. In a module, too, unless the workflow that uses it
# has a rule before.
rule all:
    input:
        PLAN.all_tables(),
        PLAN.all_claims(),
        PLAN.all_figures(),
        PLAN.audit_files(),
        rules.configuration.output,
        rules.provenance.output,
    localrule: True


# One collection target for each stage, so that a part can be asked for by name.
rule checkpoints:
    input:
        PLAN.all_checkpoints(),
    localrule: True


rule evaluations:
    input:
        PLAN.rows("attacks"),
        PLAN.rows("gradients"),
        PLAN.probe_files(),
    localrule: True


rule tables:
    input:
        PLAN.all_tables(),
        PLAN.all_claims(),
    localrule: True


rule figures:
    input:
        PLAN.all_figures(),
    localrule: True
