"""mirage: is this classifier robust, or is its gradient gone?"""

from snakemake.utils import min_version

min_version("9.19")

if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


include: "rules/common.smk"
include: "rules/inputs.smk"


# Used with `--sdm apptainer` and `--sdm conda` only.
container: f"mirage-{LOCK}.sif"


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


report: "report/workflow.rst"


localrules:
    all,
    checkpoints,
    evaluations,
    tables,
    figures,
    download,
    provenance,


rule all:
    default_target: True
    input:
        ALL_TABLES,
        ALL_CLAIMS,
        ALL_FIGURES,
        rules.configuration.output,
        rules.provenance.output,


# One collection target for each stage, so that a part can be asked for by name.
rule checkpoints:
    input:
        ALL_CHECKPOINTS,


rule evaluations:
    input:
        ALL_EVALUATIONS,


rule tables:
    input:
        ALL_TABLES,
        ALL_CLAIMS,


rule figures:
    input:
        ALL_FIGURES,
