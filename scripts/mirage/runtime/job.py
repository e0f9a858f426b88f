"""The specification of a job: the plan writes it as JSON, the job's script reads it."""

import argparse
import json
from typing import Any

import pydantic


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
        parser.add_argument("--job", type=cls._read, required=True, help=f"JSON: {fields}")
        parser.add_argument("--threads", type=int, default=1)
        return parser

    @classmethod
    def _read(cls, text: str) -> "Job":
        try:
            return cls.model_validate_json(text)
        except pydantic.ValidationError as error:
            faults = [
                f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
                for one in error.errors(include_url=False)
            ]
            raise argparse.ArgumentTypeError("; ".join(faults)) from None

    def text(self) -> str:
        """All fields as JSON, in ASCII; no "<", which could end the script of the report's page."""
        return json.dumps(self.model_dump()).replace("<", r"\u003c")
