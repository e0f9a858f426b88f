"""The design's table of what must rerun: a change of a finished run, and what runs again.

tests/dag/test_reruns.py plans each in a copy of its own, test_rerun_for_real.py runs them one after
another in one copy. What is expected follows from the configuration as it is then.
"""

import os
from collections.abc import Callable
from pathlib import Path

from workflow import read, write

# What stands beside all rows: the published values and the ledger of claims.
ATTACK_TABLES = {"table attacks", "published", "claims"}
ALL_TABLES = ATTACK_TABLES | {"table measures", "table history"}
SMALL = {"sweep small 1 test bare noise float32", "measure small 1"} | ALL_TABLES
SHOWS_FLOAT32 = {"figure by-epsilon", "figure spectral-norms"}


def edited(folder: Path, change: Callable[[dict], object]) -> dict:
    """Change the configuration of a copy; gives it as it is now."""
    config = read(folder, "config/test.yaml")
    change(config)
    write(folder, "config/test.yaml", config)
    return config


def append(path: Path, text: str = "\n# a comment\n") -> None:
    """Add text to a file that is there."""
    assert path.exists()
    with path.open("a") as stream:
        stream.write(text)


def of_float32(*seeds: int) -> set[str]:
    """What is made of the checkpoints of some seeds."""
    return {
        job
        for seed in seeds
        for job in (f"sweep float32 {seed} test bare fgsm float32", f"measure float32 {seed}")
    }


def an_epsilon_of_a_sweep_reruns_the_sweep_and_what_shows_it(folder):
    config = edited(
        folder, lambda c: c["figures"]["by-epsilon"]["select"]["epsilons"].append("0.2")
    )
    seeds = config["runs"]["float32"]["seeds"]
    sweeps = {f"sweep float32 {seed} test bare fgsm float32" for seed in seeds}
    return sweeps | ATTACK_TABLES | {"figure by-epsilon", "configuration"}


def a_later_epoch_trains_one_link_for_each_seed(folder):
    config = edited(folder, lambda c: c["runs"]["float32"]["epochs"].append(5))
    seeds = config["runs"]["float32"]["seeds"]
    links = {f"train float32 {seed} 5" for seed in seeds}
    return links | of_float32(*seeds) | SHOWS_FLOAT32 | ALL_TABLES | {"configuration"}


def a_seed_runs_its_own_jobs_and_what_is_made_of_all_seeds(folder):
    config = edited(folder, lambda c: c["runs"]["float32"]["seeds"].append(3))
    links = {f"train float32 3 {epoch}" for epoch in config["runs"]["float32"]["epochs"]}
    return links | of_float32(3) | SHOWS_FLOAT32 | ALL_TABLES | {"configuration"}


def a_learning_rate_reruns_its_run(folder):
    edited(folder, lambda c: c["runs"]["small"].update(learning_rate=0.02))
    return {"train small 1 1", "configuration"} | SMALL


def a_colour_reruns_its_figure_only(folder):
    colours = {"FGSM": "black"}
    edited(folder, lambda c: c["figures"]["by-epsilon"].update(colours=colours))
    return {"figure by-epsilon", "configuration"}


def a_word_in_a_caption_reruns_nothing(folder):
    def reword(config):
        config["figures"]["by-epsilon"].update(caption="Oneword.", category="Elsewhere")
        config["tables"]["rana-table1"].update(caption="Otherword.", category="Elsewhere")

    edited(folder, reword)
    return {"configuration"}


def the_code_of_an_attack_reruns_that_attack_and_what_shows_it(folder):
    append(folder / "scripts/mirage/attacks/jsma.py")
    return {"minimal float64 1 test bare jsma float64", "cells rana-table1"} | ATTACK_TABLES


def text_beside_the_workflow_reruns_nothing(folder):
    for name in ("README.md", "CHANGELOG.md"):
        (folder / name).write_text("Something else.\n")
    return set()


def a_later_time_of_every_source_file_reruns_nothing(folder):
    """As after `touch` or `git checkout`."""
    for path in folder.rglob("*"):
        if path.is_file() and not {"results", ".snakemake"} & set(path.relative_to(folder).parts):
            os.utime(path)
    return set()


CHANGES = (
    an_epsilon_of_a_sweep_reruns_the_sweep_and_what_shows_it,
    a_later_epoch_trains_one_link_for_each_seed,
    a_seed_runs_its_own_jobs_and_what_is_made_of_all_seeds,
    a_learning_rate_reruns_its_run,
    a_colour_reruns_its_figure_only,
    a_word_in_a_caption_reruns_nothing,
    the_code_of_an_attack_reruns_that_attack_and_what_shows_it,
    text_beside_the_workflow_reruns_nothing,
    a_later_time_of_every_source_file_reruns_nothing,
)
