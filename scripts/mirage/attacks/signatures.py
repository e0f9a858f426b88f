"""What an attack takes, read from its file without importing TensorFlow.

The kind of jobs an attack needs follows from it. Its parameters stand in
schemas/config.schema.yaml as well, with what each may be; a test holds the two against one another.
"""

import ast
import functools
from dataclasses import dataclass
from pathlib import Path

ATTACKS = Path(__file__).parent
# What the evaluation gives to an attack that asks for it; all else is set in the configuration.
OFFERED = ("epsilon", "seed", "signs", "record")


@dataclass(frozen=True)
class Signature:
    """What follows from the parameters of an attack.

    Attributes:
        kind: Of its jobs: `sweep` where one job serves all epsilons (`ONE_STEP = True` in the
            attack's file), `minimal` where the attack takes no epsilon but looks for the smallest
            perturbation itself, `attack` where every epsilon is a job of its own.
        counts: Whether it counts its iterations (it takes `record`).
    """

    kind: str
    counts: bool


def attack_files() -> list[Path]:
    """The file of each attack: those of this folder that define a function `attack`."""
    return sorted(
        path
        for path in ATTACKS.glob("[!_]*.py")
        if _attack(ast.parse(path.read_text(encoding="utf-8")).body)
    )


def _attack(body: list[ast.stmt]) -> ast.FunctionDef | None:
    """The function `attack` among the statements of a file."""
    found = [one for one in body if isinstance(one, ast.FunctionDef) and one.name == "attack"]
    return found[0] if found else None


@functools.cache
def signature(method: str) -> Signature:
    """The signature of `scripts/mirage/attacks/{method}.py`.

    Raises:
        ValueError: There is no such file, or it defines no function `attack`.
    """
    file = ATTACKS / f"{method}.py"
    if not file.is_file():
        raise ValueError(f"there is no file scripts/mirage/attacks/{method}.py")
    body = ast.parse(file.read_text(encoding="utf-8")).body
    function = _attack(body)
    if not function:
        raise ValueError(f"scripts/mirage/attacks/{method}.py defines no function attack")
    takes = {argument.arg for argument in function.args.kwonlyargs}
    one_step = any(
        isinstance(one, ast.Assign)
        and any(isinstance(name, ast.Name) and name.id == "ONE_STEP" for name in one.targets)
        and isinstance(one.value, ast.Constant)
        and one.value.value is True
        for one in body
    )
    kind = "minimal" if "epsilon" not in takes else "sweep" if one_step else "attack"
    return Signature(kind, "record" in takes)
