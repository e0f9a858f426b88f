# The report and, after a run of all, the short table. `make` asks for them with --report-after-run.

import dataclasses

CREATE_REPORT = workflow.create_report


def create_report(report_settings, **settings):
    """Make the report in the results' folder, unless --report names a file, and tell of it.

    Snakemake would make one after a dry run, --touch or a part of a run, too, or fail for want of
    results.
    """
    asked = workflow.dag_settings
    part = asked.until or asked.omit_from or asked.batch
    if workflow.output_settings.dryrun or workflow.touch or part:
        return
    # What --report means where no file is named.
    if report_settings.path == Path("report.html"):
        report_settings = dataclasses.replace(
            report_settings, path=Path(PATHS.results, "report.html")
        )
    with follow.last("makes the report"):
        CREATE_REPORT(report_settings=report_settings, **settings)
    if any(job.rule.name == "summary" for job in workflow.dag.jobs):
        table = rules.summary.output.markdown
        shown.table_shown(Path(table).read_text(encoding="utf-8"), table)
    print(f"Report: {report_settings.path}", flush=True)


# The report of another workflow that uses this one as a module is its own.
if not MODULE:
    workflow.create_report = create_report

# `make report`: no run before it. With --report alone, Snakemake would make the report whatever else
# it is asked for (--unlock).
if "MIRAGE_REPORT_ONLY" in os.environ and not MODULE:

    def no_run(executor_plugin, **settings):
        """Take the place of a run; what `workflow.touch` asks for is kept."""
        workflow._executor_plugin = executor_plugin

    workflow.execute = no_run
