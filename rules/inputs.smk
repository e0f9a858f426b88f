# Which files, and which code, each job depends on.


def code(script, *modules):
    """A script and the library files it reaches: so an edit reruns what it touches."""
    return [str(path) for path in sources.reached(SCRIPTS / script, *modules)]


def checkpoints(run, seed):
    """All checkpoints of a run and seed."""
    return expand(CHECKPOINT, run=run, seed=seed, epoch=RUNS[run]["epochs"])


def previous_epoch(run, epoch):
    """The epoch of the checkpoint that a link starts from; 0 for the initial weights."""
    return max((e for e in RUNS[run]["epochs"] if e < int(epoch)), default=0)


def attack_parameters(attack):
    """The parameters an attack's method takes."""
    return {k: v for k, v in ATTACKS[attack].items() if k not in ("method", "source")}


def attack_code(wildcards, script="attack.py"):
    """What an attack job depends on: its own method's code, not the other methods'."""
    return code(script, f"attacks.{ATTACKS[wildcards.attack]['method']}")


def transfer_sources(wildcards):
    """The checkpoints whose gradient a transfer attack uses, of the same seed and epochs."""
    source = ATTACKS[wildcards.attack].get("source")
    epochs = RUNS[wildcards.run]["epochs"]
    return expand(CHECKPOINT, run=source, seed=wildcards.seed, epoch=epochs) if source else []


def sweep_epsilons(wildcards):
    """The epsilons of a one-step attack on a run."""
    key = {k: wildcards[k] for k in ("run", "attack", "dtype", "split")}
    return [epsilon for one in STUDY.chosen(key) for epsilon in one.epsilons]


def labels(wildcards, **columns):
    """The first columns of a job's rows, as JSON."""
    return json.dumps(
        {"dataset": DATASET, "run": wildcards.run, "seed": int(wildcards.seed), "epoch": None}
        | columns
    )


def evaluation_files(evaluation):
    """The tables of an evaluation, over all seeds of its run."""
    one_step = ATTACKS[evaluation.attack]["method"] in configuration.ONE_STEP
    return expand(
        SWEEP if one_step else ATTACK,
        seed=RUNS[evaluation.run]["seeds"],
        **{**vars(evaluation), "epsilon": evaluation.epsilons},
    )


def per_seed(pattern, series, **more):
    """A file for each seed of the run of a figure's series."""
    return expand(pattern, run=series["run"], seed=RUNS[series["run"]]["seeds"], **more)


def figure_data(figure):
    """The tables, or the examples, that a figure is drawn from."""
    files = []
    for series in FIGURES[figure]["series"]:
        run = RUNS[series["run"]]
        match FIGURES[figure]["plot"]:
            case "losses":
                files += per_seed(HISTORY, series, epoch=run["epochs"])
            case "spectral_norms":
                files += per_seed(MEASURES, series)
            case "examples":
                files += expand(
                    EXAMPLES,
                    seed=run["seeds"][0],
                    epoch=series["epochs"][0],
                    epsilon=series["epsilons"][0],
                    **{key: series[key] for key in ("run", "attack", "dtype", "split")},
                )
            case _:
                files += [f for e in STUDY.chosen(series) for f in evaluation_files(e)]
    return list(dict.fromkeys(files))


def figure_published(figure):
    """The published values, where the figure shows any."""
    return PUBLISHED if any("published" in one for one in FIGURES[figure]["series"]) else []


ALL_CHECKPOINTS = [
    file for run in RUNS for seed in RUNS[run]["seeds"] for file in checkpoints(run, seed)
]
ALL_EVALUATIONS = [file for one in STUDY.evaluations for file in evaluation_files(one)]
ALL_MEASURES = [file for run in RUNS for file in per_seed(MEASURES, {"run": run})]
ALL_HISTORIES = [
    file for run in RUNS for file in per_seed(HISTORY, {"run": run}, epoch=RUNS[run]["epochs"])
]
# Nothing to compare where no figure shows a published series.
PUBLISHED_TABLE = ["published"] if any(map(figure_published, FIGURES)) else []
ALL_TABLES = expand(
    TABLE,
    table=[
        f"{name}.{kind}"
        for name in ("attacks", "measures", "history", "summary", *PUBLISHED_TABLE)
        for kind in ("csv", "md")
    ],
)
ALL_FIGURES = [
    f"{FIGURE}.{kind}".format(figure=name) for name in FIGURES for kind in ("png", "svg")
]
