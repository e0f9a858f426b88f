"""Snakemake, imported once and forked for every run that is asked for: see `workflow.snakemake`.

Half of the time of a dry run goes into importing Snakemake, its plugins and Pandas. A line of
standard input asks for a run: JSON with its folder, arguments and environment, and the file for
what it prints. A line of standard output answers with its exit status. Each run is a process of
its own, so that none sees what of mirage another has imported, or what it has set.
"""

import json
import os
import sys

import pandas  # noqa: F401
from snakemake.cli import get_argument_parser, main


def run(folder: str, arguments: list[str], environment: dict[str, str], output: str) -> None:
    """Be the Snakemake that is asked for; never returns."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for standard in (1, 2):
        os.dup2(file, standard)
    sys.argv = ["snakemake", *arguments]
    main()


if __name__ == "__main__":
    get_argument_parser()  # which imports the plugins
    for line in sys.stdin:
        process = os.fork()
        if not process:
            run(**json.loads(line))
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
