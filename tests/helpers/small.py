"""A small configuration: every stage once, in few jobs."""

from pathlib import Path

from workflow import read, write

CONFIGURATION = "config/small.yaml"


def configure(folder: Path, runs: dict | None = None) -> None:
    """Write `CONFIGURATION` into a copy of the sources: of config/test.yaml what one run needs.

    `runs` are further runs, as changes to the run float64.
    """
    config = read(folder, "config/test.yaml")
    float64 = config["runs"]["float64"]
    config["runs"] = {"float64": float64}
    config["runs"] |= {name: {**float64, **changes} for name, changes in (runs or {}).items()}
    config["attacks"] = {name: config["attacks"][name] for name in ("fgsm", "pgd")}
    config["defences"] = {}
    config["also"] = [
        {"run": list(config["runs"]), "attack": "fgsm", "epsilons": ["0.05", "0.1"]},
        {"run": "float64", "attack": "pgd", "epsilon": "0.05"},
    ]
    config["figures"] = {name: config["figures"][name] for name in ("by-epoch", "losses")}
    config["tables"] = {}
    config["claims"] = []
    config["audits"] = {}
    config["summary"]["columns"] = [{"label": "FGSM", "attack": "fgsm", "dtype": "float64"}]
    write(folder, CONFIGURATION, config)
