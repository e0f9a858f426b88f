"""An audit as files: a page, all numbers, and a row for each image."""

import csv
import io
import json
from pathlib import Path

from mirage.auditing.audited import Audit
from mirage.auditing.page import page
from mirage.runtime.files import atomic


def save(audit: Audit, folder: str | Path) -> list[Path]:
    """Write `audit.html`, `audit.json` and `images.csv`, each whole or not at all.

    The schema of `audit.json` is that of `mirage.auditing.record.model`, and lies in
    `workflow/schemas/audit.schema.json`. Columns of `images.csv` are those of
    `mirage.auditing.findings.Findings.rows`.

    Returns:
        Their paths.

    Raises:
        WriteError: One cannot be written.
    """
    texts = {
        "audit.html": page(audit),
        "audit.json": json.dumps(audit.as_json(), indent=1, allow_nan=False) + "\n",
        "images.csv": _table(audit),
    }
    for name, content in texts.items():
        with atomic(Path(folder, name)) as temporary:
            temporary.write_text(content, encoding="utf-8")
    return [Path(folder, name) for name in texts]


def _table(audit: Audit) -> str:
    rows = list(audit.rows())
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
