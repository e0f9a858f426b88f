"""Which library files a script reaches: Snakemake does not track what a script imports."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "mirage"


def reached(script: Path, *modules: str) -> list[Path]:
    """The files of this library that a script imports, directly or through one another.

    Args:
        script: A Python file beside the package.
        modules: Further modules of the package that it loads by name, such as `attacks.fgsm`.

    Returns:
        Sorted paths in the folder of the script, without the script itself.
    """
    folder = script.parent
    found: set[Path] = set()
    waiting = [f"{PACKAGE}.{name}" for name in modules] + list(_imports(folder, script))
    while waiting:
        for file in _files(folder, waiting.pop()):
            if file not in found:
                found.add(file)
                waiting.extend(_imports(folder, file))
    return sorted(found)


def _files(folder: Path, module: str) -> Iterator[Path]:
    """The file of a module and the `__init__` of every package above it."""
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        path = folder.joinpath(*parts[:depth])
        for file in (path / "__init__.py", path.with_suffix(".py")):
            if file.is_file():
                yield file


@functools.cache
def _imports(folder: Path, file: Path) -> tuple[str, ...]:
    """Modules of the package named in a file's import statements, wherever they stand."""
    names = []
    package = file.relative_to(folder).parent.parts
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), filename=str(file))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # One dot before the name stands for the file's own package, each further for one above.
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            # `from mirage import networks` may name a module or something inside one.
            names += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return tuple(name for name in names if name.split(".")[0] == PACKAGE)
