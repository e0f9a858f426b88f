"""Make the table of all audits, as CSV and Markdown."""

import json
from pathlib import Path

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

from mirage.reporting import audits, tables
from mirage.runtime.errors import script
from mirage.study.jobs import Table


@script
def main() -> None:
    """Read, arrange and write."""
    parser = Table.parser(__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="audit.json of each")
    parser.add_argument("--output", type=Path, nargs=2, required=True, metavar=("CSV", "MARKDOWN"))
    args = parser.parse_args()
    found = [json.loads(path.read_text(encoding="utf-8")) for path in args.data]
    table = audits.table(args.job.options, found)
    tables.write(table, audits.readable(table), *args.output)


if __name__ == "__main__":
    main()
