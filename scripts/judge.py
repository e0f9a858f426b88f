"""Hold every published claim against what a run measured, as CSV, Markdown and HTML."""

import argparse
from pathlib import Path

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

from mirage.data import published as values
from mirage.reporting import claims, judging, ledger, rows
from mirage.runtime.errors import script
from mirage.runtime.files import atomic
from mirage.study import library
from mirage.study.jobs import Claims


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = Claims.parser(__doc__)
    parser.add_argument("--claims", type=Path, nargs="*", default=[], help="claims.yaml of studies")
    parser.add_argument(
        "--series", type=Path, nargs="*", default=[], help="published.csv of studies"
    )
    parser.add_argument("--attacks", type=Path, required=True, help="attack rows as CSV")
    parser.add_argument(
        "--gradients", type=Path, nargs="*", default=[], help="gradient rows as CSV"
    )
    parser.add_argument("--measures", type=Path, required=True, help="measure rows as CSV")
    parser.add_argument("--history", type=Path, required=True, help="losses by epoch as CSV")
    parser.add_argument(
        "--restarts", type=Path, nargs="*", default=[], help="final losses of PGD's restarts"
    )
    parser.add_argument(
        "--output", type=Path, nargs=3, required=True, metavar=("CSV", "MARKDOWN", "HTML")
    )
    return parser.parse_args()


@script
def main() -> None:
    """Read, judge and write."""
    args = arguments()
    job: Claims = args.job
    series = values.table(args.series)
    content = [claim for file in args.claims for claim in library.claims(file)] + job.own
    claims.check(content, set(series["series"]))
    content = claims.in_types_of(content, job.dtypes)
    files = {
        "attacks": [args.attacks],
        "gradients": args.gradients,
        "measures": [args.measures],
        "history": [args.history],
        "restarts": args.restarts,
    }
    given = {name: rows.read(paths, name) for name, paths in files.items() if paths}
    given["series"] = series
    table = judging.ledger(content, job.twins, given, job.dataset, job.ball, job.points)
    csv, markdown, html = args.output
    with atomic(csv) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
    with atomic(markdown) as temporary:
        temporary.write_text(ledger.markdown(table), encoding="utf-8")
    with atomic(html) as temporary:
        page = ledger.page(table, job.figures, html.parent)
        temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
