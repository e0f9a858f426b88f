# While the workflow runs: a server that spares the jobs the import of TensorFlow, and a scheduler
# that looks for jobs only when one has ended.

from snakemake.settings.types import ExecMode

import serve

SERVER = serve.Server()
# Snakemake's own --max-jobs-per-timespan: jobs, seconds.
NOT_ASKED_FOR = (100, 1)


# It has the packages of this machine and this environment, and is of use to jobs with the same.
onstart:
    deployed = workflow.deployment_settings.deployment_method
    if workflow.exec_mode == ExecMode.DEFAULT and workflow.local_exec and not deployed:
        SERVER.start()
    # Snakemake's limit on jobs a second, where none is asked for, has the scheduler look again a second
    # after each look, and as every job that ends begins another such chain, it soon does nothing else:
    # after 250 of the 1,490 jobs of the published protocol it took a whole core. The limits here are
    # cores and, on a cluster, `jobs`.
    limit = workflow.scheduler.job_rate_limiter
    if limit and (limit.max_jobs, limit.timespan) == NOT_ASKED_FOR:
        workflow.scheduler.job_rate_limiter = None


onsuccess:
    SERVER.stop()


onerror:
    SERVER.stop()
    # What the failed jobs said last, together at the end: `--quiet rules` shows their commands only.
    record = "".join(Path(file).read_text() for file in log)
    failed = re.findall(r"^Command '.*?(\S+\.log)\b[^\n]*' returned", record, re.M | re.S)
    for name in dict.fromkeys(failed):
        said = Path(name).read_text().rstrip().splitlines() if Path(name).is_file() else []
        print(f"\n{name}:", *said[-1:], sep="\n  ", file=sys.stderr)
