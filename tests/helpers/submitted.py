"""How many jobs of how many the slurm profile submits: a dry run of Snakemake with its groups.

Called as Snakemake is. It needs no plugin of Snakemake, no SLURM and no image.
"""

import sys
from collections import Counter
from pathlib import Path

import yaml
from snakemake.cli import main
from snakemake.dag import DAG

PROFILE = Path(__file__).parents[2] / "profiles/slurm/config.yaml"
stats = DAG.stats


def count(dag: DAG) -> tuple[str, dict[str, int]]:
    """Print how many jobs the nodes run, in how many groups, and the longest time asked for."""
    local = dag.workflow._localrules
    minutes = Counter()
    jobs = 0
    for job in dag.needrun_jobs():
        if not (job.rule.norun or job.rule.name in local):
            jobs += 1
            minutes[id(dag.get_job_group(job) or job)] += job.resources.runtime
    longest = max(minutes.values()) / 60
    print(f"{len(minutes)} submitted instead of {jobs}, of {longest:g} hours at most")
    return stats(dag)


if __name__ == "__main__":
    DAG.stats = count
    profile = yaml.safe_load(PROFILE.read_text())
    options = ["--dry-run", "--quiet", "--cores", "1"]
    for name in ("groups", "group-components"):
        options += ["--" + name, *profile[name]]
    main([*sys.argv[1:], *options])
