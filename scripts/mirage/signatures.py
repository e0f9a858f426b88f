"""What an attack takes, read from its file without importing TensorFlow.

The configuration is checked against it, and the kind of jobs an attack needs follows from it.
"""

import ast
import functools
from dataclasses import dataclass
from pathlib import Path

ATTACKS = Path(__file__).parent / "attacks"
# What the evaluation gives to an attack that asks for it; all else is set in the configuration.
OFFERED = ("epsilon", "seed", "signs", "record")


@dataclass(frozen=True)
class Signature:
    """The parameters of an attack and the kind of its jobs.

    Attributes:
        kind: `sweep` where one job serves all epsilons (`ONE_STEP = True` in the attack's file),
            `minimal` where the attack takes no epsilon but looks for the smallest perturbation
            itself, `attack` where every epsilon is a job of its own.
        required: Parameters without a default.
        optional: Parameters with one.
    """

    kind: str
    required: tuple[str, ...]
    optional: tuple[str, ...]


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
    functions = [one for one in body if isinstance(one, ast.FunctionDef) and one.name == "attack"]
    if not functions:
        raise ValueError(f"scripts/mirage/attacks/{method}.py defines no function attack")
    arguments = functions[0].args
    defaults = {
        argument.arg: default is not None
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    }
    one_step = any(
        isinstance(one, ast.Assign)
        and any(isinstance(name, ast.Name) and name.id == "ONE_STEP" for name in one.targets)
        and isinstance(one.value, ast.Constant)
        and one.value.value is True
        for one in body
    )
    kind = "minimal" if "epsilon" not in defaults else "sweep" if one_step else "attack"
    own = {name: default for name, default in defaults.items() if name not in OFFERED}
    return Signature(
        kind,
        tuple(name for name, default in own.items() if not default),
        tuple(name for name, default in own.items() if default),
    )
