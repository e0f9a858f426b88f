"""`mirage schema`: what a configuration, claims and an audit may say, as JSON Schema."""

import argparse
import json

from mirage.auditing import record
from mirage.runtime.errors import script
from mirage.runtime.files import atomic
from mirage.study.model import Configuration
from mirage.study.model_claims import Claims
from mirage.study.typed import json_schema

MODELS = {
    "audit.schema.json": record.model(),
    "config.schema.json": Configuration,
    "claims.schema.json": Claims,
}


@script
def run(args: argparse.Namespace) -> None:
    """Write the files into a folder."""
    args.folder.mkdir(parents=True, exist_ok=True)
    for name, content in texts().items():
        with atomic(args.folder / name) as temporary:
            temporary.write_text(content, encoding="utf-8")


def texts() -> dict[str, str]:
    """The text of each file by its name."""
    return {
        name: json.dumps(json_schema(model), indent=2, ensure_ascii=False) + "\n"
        for name, model in MODELS.items()
    }
