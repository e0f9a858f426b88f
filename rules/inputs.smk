# Which files, and which code, each job depends on.


# Asked for by every job, and always with one of a few answers.
@functools.cache
def code(script, *modules):
    """A script and the library files it reaches: so an edit reruns what it touches."""
    return [own(path.relative_to(FOLDER)) for path in sources.reached(SCRIPTS / script, *modules)]


@functools.cache
def version(script, *modules):
    """A hash of a script and the library files it reaches, as they are when the jobs are planned.

    A parameter of each job: Snakemake takes the checksums of inputs when a job has ended, and would
    not see an edit made while the job ran with the code before it.
    """
    files = [SCRIPTS / script, *map(Path, code(script, *modules))]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]


def checkpoints_of(run, seed):
    """All checkpoints of a run and seed."""
    return expand(CHECKPOINT, run=run, seed=seed, epoch=RUNS[run]["epochs"])


def previous_epoch(run, epoch):
    """The epoch of the checkpoint that a link starts from; 0 for the initial weights."""
    return max((e for e in RUNS[run]["epochs"] if e < int(epoch)), default=0)


def data(run, split):
    """The prepared images of a run's split of the data."""
    return DATA.format(split=split, **RUNS[run]["split"])


def check_folder(folder):
    """Tell what a local folder of data lacks before any job starts.

    Once the data are taken from it, it may be gone.
    """
    layout = folders.LAYOUTS.get(DATASET)
    problems = folders.faults(folder, layout) if folder and layout else []
    taken = [data(run, split) for run in RUNS for split in ("train", "validation", "test")]
    if DATASET in study.DOWNLOADED:
        taken = RAW_FILES
    if problems and not all(map(os.path.exists, taken)):
        key = "data_folder" if CONFIG["data_folder"] else "MNIST_DIR"
        raise WorkflowError(f"{key}: {folders.refusal(folder, problems)}")


def attack_parameters(attack):
    """The parameters an attack's method takes."""
    return {k: v for k, v in ATTACKS[attack].items() if k not in study.NOT_PARAMETERS}


def attack_code(wildcards, script="attack.py", given=code):
    """What an attack job depends on: its own method's code, not the other methods'.

    As `code` gives it, or `version`.
    """
    defended = wildcards.get("defence", columns.BARE) != columns.BARE
    modules = [f"attacks.{ATTACKS[wildcards.attack]['method']}", *["models.defences"] * defended]
    return given(script, *modules)


def transfer_sources(wildcards):
    """The checkpoints whose gradient a transfer attack uses, of the same seed and epochs."""
    source = ATTACKS[wildcards.attack].get("source")
    epochs = RUNS[wildcards.run]["epochs"]
    return expand(CHECKPOINT, run=source, seed=wildcards.seed, epoch=epochs) if source else []


def evaluated(wildcards):
    """The evaluation that a job belongs to."""
    keys = ("run", "attack", "dtype", "split", "defence")
    (one,) = STUDY.chosen({key: wildcards[key] for key in keys})
    return one


def as_json(value):
    """JSON for a command. The report has it in a script of its page, which "</script>" would end."""
    return json.dumps(value).replace("<", r"\u003c")


def as_text(text):
    """Text for the report's lists: for readers as it is, for a browser never the begin of a tag."""
    return re.sub(r"<(?=[/!?a-zA-Z])", "<\u200c", text)


def as_caption(text):
    """Text as reStructuredText that says just this and does nothing."""
    return re.sub(r"([^\w\s]|_)", r"\\\1", " ".join(text.split()))


def option(name, files):
    """An option that takes files, quoted for the shell; nothing where there are none."""
    files = [files] if isinstance(files, str) else files
    return shlex.join([name, *files]) if files else ""


def image_option(wildcards):
    """How many images are attacked, as an option."""
    images = evaluated(wildcards).images
    return f"--images {images}" if images else ""


def defence_option(wildcards):
    """The defence of a job, and whether the attack knows it, as options."""
    if wildcards.defence == columns.BARE:
        return ""
    adaptive = " --adaptive" * ATTACKS[wildcards.attack].get("adaptive", False)
    return f"--defence {shlex.quote(json.dumps(DEFENCES[wildcards.defence]))}{adaptive}"


def trained(wildcards):
    """What the checkpoints of a run must say of themselves, as JSON."""
    run = RUNS[wildcards.run]
    return json.dumps({"dataset": DATASET, "network": run["network"], "dtype": run["dtype"]})


def epsilon_option(wildcards):
    """The epsilon of a job, as an option; none for an attack that takes none."""
    epsilon = wildcards.size.removeprefix("eps")
    return "" if epsilon == "minimal" else f"--epsilon {epsilon}"


def start(wildcards):
    """The checkpoint of another run, and of the same seed, that a fine-tuned run starts from."""
    if "start" not in RUNS[wildcards.run]:
        return []
    return CHECKPOINT.format(**RUNS[wildcards.run]["start"], seed=wildcards.seed)


def training_images(wildcards):
    """The images a run is trained on: the prepared ones, or an attack's answers to them."""
    run = RUNS[wildcards.run]
    if "perturbed_by" not in run:
        return data(wildcards.run, "train")
    return PERTURBED.format(
        **run["start"],
        seed=wildcards.seed,
        attack=run["perturbed_by"]["attack"],
        size=size(run["perturbed_by"].get("epsilon")),
    )


def size(epsilon):
    """How paths name an epsilon, or that there is none."""
    return f"eps{epsilon}" if epsilon else "minimal"


def labels(wildcards, **columns):
    """The first columns of a job's rows, as JSON."""
    return json.dumps(
        {"dataset": DATASET, "run": wildcards.run, "seed": int(wildcards.seed), "epoch": None}
        | columns
    )


def evaluation_files(evaluation):
    """The tables of an evaluation, over all seeds of its run."""
    pattern = {"sweep": SWEEP, "attack": ATTACK, "minimal": MINIMAL}[STUDY.kind(evaluation.attack)]
    return expand(
        pattern,
        seed=RUNS[evaluation.run]["seeds"],
        **{**vars(evaluation), "epsilon": evaluation.epsilons},
    )


def series_files(pattern, series, seeds):
    """The files of a figure's series that shows one checkpoint and epsilon."""
    epsilon = series.get("epsilons", [None])[0]
    return expand(
        pattern,
        seed=seeds,
        epoch=series["epochs"][0],
        epsilon=epsilon,
        size=size(epsilon),
        defence=series.get("defence", columns.BARE),
        **{key: series[key] for key in ("run", "attack", "dtype", "split")},
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
            case "digits":
                files += [data(series["run"], series.get("split", "train"))]
            case "examples" | "filtered":
                files += series_files(EXAMPLES, series, run["seeds"][:1])
            case "restarts":
                files += series_files(RESTARTS, series, run["seeds"])
            case _:
                files += [f for e in STUDY.chosen(series) for f in evaluation_files(e)]
    return list(dict.fromkeys(files))


def published_files(names):
    """The files of published values by their whole names (STUDY/KEY)."""
    studies = sorted({name.partition("/")[0] for name in names})
    files = [FOLDER / "studies" / study / published.FILE for study in studies]
    return [own(file.relative_to(FOLDER)) for file in files if file.exists()]


def figure_published(*figures):
    """The files of the published values that figures show."""
    series = [one for figure in figures for one in FIGURES[figure]["series"]]
    return published_files(one["published"] for one in series if "published" in one)


ALL_CHECKPOINTS = [
    file for run in RUNS for seed in RUNS[run]["seeds"] for file in checkpoints_of(run, seed)
]
ALL_EVALUATIONS = [file for one in STUDY.evaluations for file in evaluation_files(one)]
ALL_RESTARTS = list(
    dict.fromkeys(
        file
        for figure in FIGURES.values()
        if figure["plot"] == "restarts"
        for series in figure["series"]
        for file in series_files(RESTARTS, series, RUNS[series["run"]]["seeds"])
    )
)
ALL_MEASURES = [file for run in RUNS for file in per_seed(MEASURES, {"run": run})]
ALL_HISTORIES = [
    file for run in RUNS for file in per_seed(HISTORY, {"run": run}, epoch=RUNS[run]["epochs"])
]


def cell_files(table):
    """The tables of attacks that the cells of a table select."""
    cells = [
        {**table["common"], **row, **column} for row in table["rows"] for column in table["columns"]
    ]
    cells = [cell for cell in cells if "missing" not in cell]
    cells += [{**cell, **cell["epsilon_where"]} for cell in cells if "epsilon_where" in cell]
    return list(
        dict.fromkeys(
            file
            for cell in cells
            for one in STUDY.chosen(study.cell_series(cell))
            for file in evaluation_files(one)
        )
    )


# Nothing to compare where no figure shows a published series.
PUBLISHED_TABLE = ["published"] if any(map(figure_published, FIGURES)) else []
SUMMARY = ["summary"] if "summary" in CONFIG else []
ALL_TABLES = expand(
    TABLE,
    table=[
        f"{name}.{kind}"
        for name in ("attacks", "measures", "history", *SUMMARY, *PUBLISHED_TABLE, *CUSTOM_TABLES)
        for kind in ("csv", "md")
    ],
)
ALL_CLAIMS = expand(TABLE, table=["claims.csv", "claims.md", "claims.html"]) * bool(STUDY.claims)
ALL_FIGURES = [
    f"{FIGURE}.{kind}".format(figure=name) for name in FIGURES for kind in ("png", "svg")
]
