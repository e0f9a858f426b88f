"""The library's rooms: each imports only those below it, and its docstring says what it holds."""

import ast
from itertools import pairwise

import pytest
from workflow import ROOT

LIBRARY = ROOT / "scripts/mirage"
# From the bottom up.
ROOMS = (
    *("runtime", "data", "models", "attacks", "training", "evaluation", "auditing", "study"),
    *("reporting", "cli"),
)
# The package itself, and what `python -m mirage` runs.
TOP = ("__init__", "__main__")
FILES = sorted(LIBRARY.rglob("*.py"))


def room(file):
    return file.relative_to(LIBRARY).with_suffix("").parts[0]


def imported(file):
    """The rooms that a file imports from, wherever the import stands."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: relative imports hide the room"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if name.startswith("mirage."):
                yield name.split(".")[1]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(LIBRARY).as_posix())
def test_no_import_runs_upward(file):
    order = (*ROOMS, *TOP)
    above = [one for one in imported(file) if order.index(one) > order.index(room(file))]
    assert not above, f"{room(file)} stands below {', '.join(above)}"


def test_the_list_of_rooms_is_that_of_the_folders_and_of_the_docstring():
    assert {room(file) for file in FILES} == {*ROOMS, *TOP}
    text = ast.get_docstring(ast.parse((LIBRARY / "__init__.py").read_text()))
    text = text[text.index("The rooms") :]
    places = [text.index(name + ("." if name == ROOMS[-1] else ",")) for name in ROOMS]
    assert all(one < other for one, other in pairwise(places))


@pytest.mark.parametrize("name", ROOMS)
def test_each_folder_says_what_it_holds(name):
    assert ast.get_docstring(ast.parse((LIBRARY / name / "__init__.py").read_text()))
