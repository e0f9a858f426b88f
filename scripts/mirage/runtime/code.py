"""The code that a job runs: which files it is, and a hash of them.

Snakemake tracks neither what a script imports nor an edit made while a job runs. So the parameters
of each job hold the hash of its code, as it is when the jobs are planned.
"""

import ast
import functools
import hashlib
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
    found: dict[str, Path | None] = {}  # None where a name is of nothing beside the script
    left = [*_imported(script), *(f"{PACKAGE}.{module}" for module in modules)]
    while left:
        name = left.pop()
        if name not in found:
            found[name] = file = _file(script.parent, name)
            left += _imported(file) if file else ()
            left += [name.rpartition(".")[0]] if "." in name else ()
    own = {file for name, file in found.items() if file and name.split(".")[0] == PACKAGE}
    return (script, *sorted(own))


def _file(folder: Path, module: str) -> Path | None:
    """The file of a module or package in a folder; None where it is another's."""
    path = folder.joinpath(*module.split("."))
    return next(filter(Path.is_file, (path / "__init__.py", path.with_suffix(".py"))), None)


# Each file is parsed once, however many scripts import it: a plan has most of its time from this.
@functools.cache
def _imported(file: Path) -> frozenset[str]:
    """The names that a file imports: modules, and whatever is imported from them."""
    names = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
    return frozenset(names)


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
