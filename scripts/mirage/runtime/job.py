"""The specification of a job: the plan writes it as JSON, the job's script reads it."""

import argparse
import json
import re
from typing import Any

import pydantic

# Linux takes no argument of 128 KiB or more. No piece begins like an option.
PIECES = re.compile(r".{1,100000}(?!-)", re.DOTALL)


class Job(pydantic.BaseModel):
    """What a job does, without the files it reads and writes; each script has a kind of its own.

    Attributes:
        code: What it runs, see `mirage.runtime.code.of`. Of no use to the script: with other code
            it is another job.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    code: dict[str, Any] = {}

    @classmethod
    def parser(cls, description: str) -> argparse.ArgumentParser:
        """A parser of the command line with `--job` and `--threads`; scripts add their files."""
        parser = argparse.ArgumentParser(description=description)
        fields = ", ".join(name for name in cls.model_fields if name != "code")
        help_text = f"JSON: {fields}; in several pieces where it is long"
        parser.add_argument("--job", nargs="+", action=_Read, kind=cls, help=help_text)
        parser.add_argument("--threads", type=int, default=1)
        return parser

    def text(self) -> str | list[str]:
        """All fields as JSON, in ASCII; no "<", which could end the script of the report's page.

        A long one comes in pieces, each an argument of the command line by itself.
        """
        whole = json.dumps(self.model_dump()).replace("<", r"\u003c")
        pieces = PIECES.findall(whole)
        return whole if len(pieces) == 1 else pieces


class _Read(argparse.Action):
    """Put the pieces of a job together and read it."""

    def __init__(self, *args: Any, kind: type[Job], **keywords: Any):
        super().__init__(*args, required=True, **keywords)
        self.kind = kind

    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, *_: Any):
        try:
            setattr(namespace, self.dest, self.kind.model_validate_json("".join(values)))
        except pydantic.ValidationError as error:
            faults = [
                f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
                for one in error.errors(include_url=False)
            ]
            raise argparse.ArgumentError(self, "; ".join(faults)) from None
