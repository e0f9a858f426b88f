"""The command `mirage`: what its verbs are called with. What they do stands in their own files."""

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path

CHECK = """Read a configuration as the workflow does, and report every fault in it.

Several files are put together as by `snakemake --configfile`: a later file adds to those before
it, or changes a value. The data are not looked at, and nothing runs.
"""
CHECK_EXAMPLE = """example:
  mirage check mine.yaml

exit status: 0 if the configuration can be run, 1 if not, 2 if the command line is wrong
"""
ORIGIN = """Trace a figure, a table or a row of results back to checkpoint, code and data.

The provenance.json beside the results says what each file was made from. Each file on the way is
compared with what is recorded there.
"""
ORIGIN_EXAMPLE = """examples:
  mirage origin results/digits/figures/masking.png
  mirage origin results/digits run=float32 seed=1 epoch=181 attack=fgsm dtype=float32 epsilon=0.1

exit status: 0 if all files are the recorded ones, 1 if not, 2 if the command line is wrong
"""
SCHEMA = """Write what a configuration and claims.yaml may say, as JSON Schema.

The files are config.schema.json and claims.schema.json. An editor takes one from the first line of
a YAML file: # yaml-language-server: $schema=PATH
"""
SCHEMA_EXAMPLE = """example:
  mirage schema schemas

exit status: 0 if both files are written, 1 if not, 2 if the command line is wrong
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the verb that the command line names."""
    args = parser().parse_args(argv)
    # By name: --help needs none of what the verbs import.
    importlib.import_module(f"mirage.cli.{args.verb}").run(args)


def parser() -> argparse.ArgumentParser:
    """The command line and its help."""
    form = {"formatter_class": argparse.RawDescriptionHelpFormatter}
    command = argparse.ArgumentParser(
        prog="mirage",
        description="Is this classifier robust, or is its gradient gone?",
        epilog="example:\n  mirage check config.yaml\n\n`mirage VERB --help` says more of a verb.",
        **form,
    )
    verbs = command.add_subparsers(dest="verb", metavar="VERB", required=True, title="verbs")

    check = verbs.add_parser(
        "check",
        help="report every fault in a configuration",
        description=CHECK,
        epilog=CHECK_EXAMPLE,
        **form,
    )
    check.add_argument("files", nargs="+", metavar="FILE", help="a configuration, YAML or JSON")

    origin = verbs.add_parser(
        "origin",
        help="trace a result back to checkpoint, code and data",
        description=ORIGIN,
        epilog=ORIGIN_EXAMPLE,
        **form,
    )
    origin.add_argument("target", metavar="TARGET", help="a result, or the folder of the results")
    origin.add_argument(
        "row",
        nargs="*",
        metavar="KEY=VALUE",
        help="columns of a row of attacks or gradients, such as run=float32 seed=1 epoch=181",
    )

    schema = verbs.add_parser(
        "schema",
        help="write the JSON Schemas of configuration and claims",
        description=SCHEMA,
        epilog=SCHEMA_EXAMPLE,
        **form,
    )
    schema.add_argument("folder", type=Path, metavar="FOLDER", help="where they are written")
    return command
