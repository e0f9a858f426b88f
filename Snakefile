"""mirage: is this classifier robust, or is its gradient gone?"""

from snakemake.utils import min_version

min_version("9.19")

if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


include: "rules/common.smk"
include: "rules/inputs.smk"


# Used with `--sdm apptainer` and `--sdm conda` only.
container: str(FOLDER / IMAGE) if MODULE else IMAGE


conda: "envs/environment.yaml"


include: "rules/preload.smk"
include: "rules/data.smk"
include: "rules/train.smk"
include: "rules/attack.smk"
include: "rules/measure.smk"
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
        ALL_TABLES,
        ALL_CLAIMS,
        ALL_FIGURES,
        rules.configuration.output,
        rules.provenance.output,
    localrule: True


# One collection target for each stage, so that a part can be asked for by name.
rule checkpoints:
    input:
        ALL_CHECKPOINTS,
    localrule: True


rule evaluations:
    input:
        ALL_EVALUATIONS,
    localrule: True


rule tables:
    input:
        ALL_TABLES,
        ALL_CLAIMS,
    localrule: True


rule figures:
    input:
        ALL_FIGURES,
    localrule: True
