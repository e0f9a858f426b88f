"""The command `mirage`: what its verbs are called with. What they do stands in their own files."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

AUDIT = """Tell whether a classifier is robust, or its gradient is masked.

MODEL is a .keras or .h5 file of any version of Keras, a SavedModel of Keras 2, weights with
--architecture, or FILE.py:FUNCTION. DATA is an .npz file (images, labels), two IDX files
(IMAGES,LABELS) or their folder, a folder of images by class, or mnist, fashion_mnist, cifar10
or digits. What a file of a model holds is not run, unless --allow-code says so.
"""
AUDIT_EXAMPLE = """examples:
  mirage audit model.keras test.npz --epsilon 0.1 0.2
  mirage audit weights.h5 mnist --data-folder mnist --architecture model.py:build --range -1,1

exit status: 0 if the model is not masked, 3 if it is, 4 if that cannot be said (an attack has not
converged, or nothing decides), 2 if the model, the data or the command line is wrong or the range
of pixels is asked for, 1 if mirage fails
"""
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
SCHEMA = """Write what a configuration, claims.yaml and audit.json may say, as JSON Schema.

The files are config.schema.json, claims.schema.json and audit.schema.json. An editor takes one from
the first line of a YAML file: # yaml-language-server: $schema=PATH
"""
SCHEMA_EXAMPLE = """example:
  mirage schema schemas

exit status: 0 if all files are written, 1 if not, 2 if the command line is wrong
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the verb that the command line names."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if "--range" in argv[:-1]:  # -1,1 would be taken for an option
        place = argv.index("--range")
        argv[place : place + 2] = [f"--range={argv[place + 1]}"]
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

    audit = verbs.add_parser(
        "audit",
        help="tell whether a model is robust, or its gradient is masked",
        usage="mirage audit MODEL DATA [options]",
        description=AUDIT,
        epilog=AUDIT_EXAMPLE,
        **form,
    )
    audit.add_argument("model", metavar="MODEL", help="a Keras model")
    audit.add_argument("data", metavar="DATA", help="test images and their labels")
    for name, more in _OPTIONS.items():
        audit.add_argument(name, **more)

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
        help="write the JSON Schemas of configuration, claims and audit",
        description=SCHEMA,
        epilog=SCHEMA_EXAMPLE,
        **form,
    )
    schema.add_argument("folder", type=Path, metavar="FOLDER", help="where they are written")
    return command


def _range(text: str) -> tuple[float, float]:
    """Two numbers with a comma."""
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not LOW,HIGH, such as 0,255") from None
    return low, high


def _natural(text: str) -> int:
    """A whole number from 0 on."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)


def _positive(text: str) -> int:
    """A whole number from 1 on."""
    if not _natural(text):
        raise argparse.ArgumentTypeError("it must be at least 1")
    return int(text)


def _count(text: str) -> int | None:
    """A number of images; None for all."""
    return None if text == "all" else _positive(text)


_OPTIONS = {
    "--epsilon": {
        "type": float,
        "nargs": "+",
        "default": [0.1],
        "metavar": "E",
        "help": "size of the perturbation, or several; .1 (the default) is a tenth of white minus "
        "black; in l2 the length, pixels lying in 0 to 1",
    },
    "--norm": {"choices": ("linf", "l2"), "default": "linf", "help": "linf (the default) or l2"},
    "--range": {
        "type": _range,
        "metavar": "LOW,HIGH",
        "help": "the pixels that the model takes, black and white, where that cannot be told",
    },
    "--images": {
        "type": _count,
        "default": 1_000,
        "metavar": "N",
        "help": "how many, the first, or all; 1000 where not given",
    },
    "--quick": {
        "action": "store_true",
        "help": "gradients and one step only; no model is called robust then",
    },
    "--architecture": {
        "metavar": "FILE",
        "help": "for weights alone: FILE.py:FUNCTION that builds the model, or its JSON",
    },
    "--allow-code": {"action": "store_true", "help": "run code in the model's file: Lambda layers"},
    "--data-folder": {"metavar": "FOLDER", "help": "of a named data set; else MNIST_DIR"},
    "--output": {
        "type": Path,
        "default": Path("mirage-audit"),
        "metavar": "FOLDER",
        "help": "where audit.html, audit.json and images.csv go; mirage-audit where not given",
    },
    "--seed": {"type": _natural, "default": 0, "help": "of what is drawn at random"},
    "--queries": {
        "type": _positive,
        "default": 500,
        "metavar": "N",
        "help": "of the Square Attack, 500 where not given",
    },
}
