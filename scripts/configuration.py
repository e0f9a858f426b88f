"""Write the completed configuration and the versions a run was made with, as YAML."""

import platform
from importlib.metadata import version
from pathlib import Path

import yaml

from mirage.runtime.errors import script
from mirage.runtime.files import atomic
from mirage.study.jobs import Configuration

PACKAGES = ("keras", "numpy", "pandas", "scipy", "seaborn", "snakemake", "tensorflow")


def installed(package: str) -> str:
    """Version of a package; TensorFlow's CPU build goes by another name."""
    try:
        return version(package)
    except ModuleNotFoundError:
        return version(f"{package}-cpu") + " (CPU build)"


@script
def main() -> None:
    """Write the file."""
    parser = Configuration.parser(__doc__)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    content = {
        "versions": {
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            **{package: installed(package) for package in PACKAGES},
        },
        "configuration": args.job.configuration,
    }
    with atomic(args.output) as temporary:
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
