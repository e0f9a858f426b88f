"""The code that a job runs: which files it is, and a hash of them.

Snakemake tracks neither what a script imports nor an edit made while a job runs. So the parameters
of each job hold the hash of its code, as it is when the jobs are planned.
"""

import functools
import hashlib
import modulefinder
from collections.abc import Mapping
from pathlib import Path

PACKAGE = "mirage"


@functools.cache
def files(script: Path, *modules: str) -> tuple[Path, ...]:
    """A script and the files of this library that it imports, directly or through one another.

    Args:
        script: A Python file beside the package.
        modules: Further modules of the package that it loads by name, such as `attacks.fgsm`.

    Returns:
        The script, then the files of the library, sorted. An import inside a function counts.
    """
    # With this path it finds nothing but our own files.
    finder = modulefinder.ModuleFinder(path=[str(script.parent)])
    finder.run_script(str(script))
    for module in modules:
        finder.import_hook(f"{PACKAGE}.{module}")
    found = [
        Path(module.__file__)
        for name, module in finder.modules.items()
        if name.split(".")[0] == PACKAGE
    ]
    return (script, *sorted(found))


@functools.cache
def of(script: Path, *modules: str) -> dict[str, object]:
    """The code of a job, as its parameters name it.

    Args:
        script, modules: As `files` takes them.

    Returns:
        `script`, its name; `modules`, as they were given; `hash` of all the files, 16 hexadecimal
        digits.
    """
    content = b"\0".join(file.read_bytes() for file in files(script, *modules))
    digest = hashlib.sha256(content).hexdigest()[:16]
    return {"script": script.name, "modules": list(modules), "hash": digest}


def digests(scripts: Path, code: Mapping) -> dict[str, str] | None:
    """SHA-256 of each file that a job ran, by its path in the workflow; None if they differ by now.

    Args:
        scripts: The folder of the scripts.
        code: What `of` gave when the job was planned.
    """
    script = scripts / code["script"]
    if not script.is_file() or of(script, *code["modules"]) != dict(code):
        return None
    return {
        file.relative_to(scripts.parent).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files(script, *code["modules"])
    }
