"""The parts of the benchmark that only count: turns and ratios, targets, and what is reported."""

import csv
import os
from dataclasses import replace

import pytest
from architectures import cnn, mlp
from benchmarks import ROOT, attacks, growth, report, together, training, versions, whole
from benchmarks.comparison import LIMIT, OURS, SEVERAL, Row, Side, compare, markdown
from benchmarks.setting import Setting, trained
from benchmarks.targets import EPOCH, Target, targets

from mirage.models import networks


class Clock:
    """Moves on by what the sides say they take."""

    def __init__(self):
        self.now = 0.0
        self.order = []

    def side(self, name, seconds, **options):
        left = iter(seconds)

        def run():
            self.order.append(name)
            self.now += next(left)
            return name

        return Side(name, run, **({"done": 10, "wanted": 10} | options))


def test_sides_take_turns_and_the_first_round_does_not_count():
    clock = Clock()
    sides = [clock.side("a", [99, 1, 2, 3]), clock.side("b", [99, 4, 4, 9])]
    ours, theirs = compare("work", sides, 3, lambda: clock.now)
    assert clock.order == ["a", "b"] * 4
    assert (ours.seconds, ours.fastest, ours.slowest, ours.ratio) == (2, 1, 3, 1)
    # Of the ratios 4, 2 and 3 of each round; the medians' ratio would be 2.
    assert (theirs.seconds, theirs.ratio) == (4, 3)


def test_times_are_scaled_to_the_images_wanted():
    clock = Clock()
    sides = [clock.side("a", [1, 1]), clock.side("b", [1, 3], done=2)]
    _, theirs = compare("work", sides, 1, lambda: clock.now)
    assert (theirs.seconds, theirs.ratio, theirs.images_run, theirs.images) == (15, 15, 2, 10)


def test_short_work_is_repeated_in_a_round():
    clock = Clock()
    sides = [clock.side("a", [0.25] * 5), clock.side("b", [0.1, 0.5, 0.75])]
    ours, theirs = compare("work", sides, 1, lambda: clock.now)
    assert clock.order == [*"ab", *"aaaa", *"bb"]
    assert (ours.seconds, theirs.seconds, theirs.ratio) == (0.25, 0.625, 2.5)


def test_quality_is_taken_once_and_is_not_timed():
    clock, asked = Clock(), []

    def quality(found):
        asked.append(found)
        clock.now += 1000
        return "accuracy", 0.5

    (row,) = compare("work", [clock.side("a", [1, 2], quality=quality)], 1, lambda: clock.now)
    assert asked == ["a"]
    assert (row.quality, row.value, row.seconds) == ("accuracy", 0.5, 2)


def test_a_side_that_fails_is_reported_in_words_and_the_others_are_timed():
    def broken():
        raise ImportError("no such peer")

    clock = Clock()
    sides = [clock.side("a", [1, 1]), Side("b", broken, 1, 1), clock.side("c", [1, 2])]
    rows = compare("work", sides, 1, lambda: clock.now)
    assert rows[1].note == "failed: ImportError: no such peer"
    assert (rows[1].seconds, rows[1].ratio) == (None, None)
    assert rows[2].ratio == 2
    assert "no such peer" in report.speed(rows)


def test_a_side_may_bring_its_own_seconds():
    clock = Clock()
    limit = Side(LIMIT, lambda: 0.5, 10, 20, own_clock=True)
    _, row = compare("work", [clock.side(OURS, [1, 2]), limit], 1, lambda: clock.now)
    assert (row.seconds, row.ratio) == (1, 0.5)


def test_what_a_side_holds_is_given_back_at_the_end():
    clock, order = Clock(), []
    sides = [clock.side("a", [1, 1], close=lambda: order.extend(clock.order)), Side("b", 1, 1, 1)]
    compare("work", sides, 1, lambda: clock.now)
    assert order == ["a", "a"]


@pytest.mark.thorough
def test_several_runs_at_once_train_as_one_does():
    runs = together.Together(1, "training", "float32", OURS, "mlp-200-300", "float32")
    try:
        (found,) = runs.run().results()
    finally:
        runs.close()
    setting = Setting(os.environ)
    alone = training.compiled(setting, "mlp-200-300", "float32")()
    assert found == training.accuracy(setting, alone)[1] > 0.9


@pytest.fixture(scope="module")
def all_attacks():
    setting = Setting(os.environ)
    network = trained(setting.training, setting.test, 1)
    return attacks.Attacks(network, *setting.attacked)


@pytest.mark.thorough
@pytest.mark.parametrize("part", ["fgsm", "fgsm_accuracy", "deepfool"])
def test_several_processes_attack_as_one_does(part, all_attacks):
    sides = {side.name: side for side in all_attacks.sides(part, 2)}
    several, alone = sides[OURS], sides[f"{OURS}, one process"]
    try:
        name, found = several.quality(several.run())
    finally:
        several.close()
    assert (several.done, several.wanted) == (len(all_attacks.images),) * 2
    expected = alone.quality(alone.run())
    assert name == expected[0]
    # Rounding alone tells them apart.
    assert found == pytest.approx(expected[1], rel=1e-3)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("part", "threads", "names"),
    [
        (
            *("deepfool", 2),
            [
                *(OURS, f"{OURS}, one process", "Foolbox", f"Foolbox{SEVERAL}"),
                *("ART", f"ART{SEVERAL}", "ART, its own batch size"),
            ],
        ),
        ("pgd", 1, [OURS, "Foolbox", "CleverHans", "ART", LIMIT]),
    ],
)
def test_peers_run_by_themselves_and_in_several_processes(part, threads, names, all_attacks):
    sides = all_attacks.sides(part, threads)
    for side in sides:
        if side.close:
            side.close()
    assert [side.name for side in sides] == names


@pytest.mark.thorough
@pytest.mark.parametrize("way", [training.FIT, training.UNTUNED])
@pytest.mark.filterwarnings("error::UserWarning")
def test_keras_learns_as_much_as_we_do(way):
    setting = Setting(os.environ)
    network = training.WAYS[way](setting, "mlp-200-300", "float32")()
    assert training.accuracy(setting, network)[1] > 0.9


@pytest.mark.thorough
def test_a_run_of_several_that_ends_is_told(capfd):
    runs = together.Together(1, "training", "float32", "no such way", "mlp-200-300", "float32")
    with pytest.raises(RuntimeError, match=r"no such way .*: one of several has ended"):
        runs.run()
    runs.close()
    assert "KeyError: 'no such way'" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("at", "measured", "verdict"),
    [
        ("at least", 5, "met"),
        ("at least", 4.99, "not met"),
        ("at most", 5, "met"),
        ("at most", 5.01, "not met"),
        ("at most", None, "not measured"),
    ],
)
def test_verdicts(at, measured, verdict):
    target = Target("speed", at, 5, "x", measured)
    assert target.verdict == verdict
    assert target.cells()[-1] == verdict


def test_targets_find_their_numbers():
    name = EPOCH.format("float32")
    rows = [
        Row(name, OURS, ratio=1.0),
        Row(name, "Keras fit", ratio=6.0),
        Row(name, LIMIT, ratio=0.5),
        Row("DeepFool", "ART", ratio=120.0),
    ]
    peaks = [growth.Peak("FGSM", 1, 1, 500.0), growth.Peak("FGSM", 1, 10, 600.0)]
    found = targets(rows, {"reproduce": {"seconds": 7000.0, "overhead": 0.25}}, peaks)
    measured = {target.text: target.measured for target in found if target.measured is not None}
    assert measured == {
        f"{name}: times as fast as Keras fit": 6,
        f"{name}: times the arithmetic limit": 2,
        "DeepFool: times as fast as ART": 120,
        "make reproduce: wall time": 7000,
        "make reproduce: start-up and Snakemake, of the wall time": 25,
        "memory of FGSM, 10 epsilons: times that of one": 1.2,
    }


def test_operations_of_a_training_epoch():
    # Backward twice as many as forward, but none with respect to the images.
    assert training.products(networks.build(mlp(20), "float32", 1)) == 2 * (
        3 * (784 * 20 + 20 * 10) - 784 * 20
    )
    first, second = 28 * 28 * 25 * 2, 14 * 14 * 25 * 2 * 4
    dense = 7 * 7 * 4 * 8 + 8 * 10
    assert training.products(networks.build(cnn(2, 4, dense=8), "float32", 1)) == 2 * (
        3 * (first + second + dense) - first
    )


def test_the_report_is_written_whole(tmp_path):
    run = whole.Run(
        *("quick", 50.0, 2),
        dict.fromkeys(whole.CATEGORIES, 10.0),
        dict.fromkeys(whole.CATEGORIES, 10.0),
        {"train.py": (30, 543.2)},
    )
    rows = [
        Row("FGSM", OURS, 10, 10, 5, 1.0, 0.9, 1.1, 1.0, "accuracy", 0.5),
        Row("FGSM", "ART", 10, 2, 5, 8.0, 7.0, 9.0, 8.0, note="a | b"),
        # More than there are colours.
        *(Row("FGSM", f"side {number}", 10, 10, 5, 8.0, 7.0, 9.0, 8.0) for number in range(9)),
        Row("FGSM", f"ART{SEVERAL}", 10, 10, 5, 4.0, 3.0, 5.0, 4.0),
    ]
    found = report.Report({"processor": "one", "cores": "2"}, 5, "digits", rows, [run])
    found.targets = targets(rows, found.whole())
    found.write(tmp_path)
    names = ["machine.csv", "speed.csv", "workflow.csv", "memory.csv", "targets.csv"]
    names += ["benchmarks.md", "speed.png", "speed.svg"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    with open(tmp_path / "targets.csv") as file:
        verdicts = {row["text"]: row["verdict"] for row in csv.DictReader(file)}
    assert verdicts["make quick: wall time"] == "met"
    assert verdicts["make tour: wall time"] == "not measured"
    text = (tmp_path / "benchmarks.md").read_text()
    assert "scaled from 2 images to 10" in text


@pytest.fixture
def earlier(tmp_path):
    """A folder with a report of another day, and its machine."""
    machine = dict.fromkeys(report.SAME, "one") | {"date": "2026-01-02", "speed": "100 GFLOP/s"}
    seconds = dict.fromkeys(whole.CATEGORIES, 10.0)
    runs = [
        whole.Run(name, 50.0, 2, seconds, seconds, {"train.py": (3, 543.0)}, "2026-01-02", sittings)
        for name, sittings in (("quick", 1), ("tour", 2))
    ]
    rows = [
        Row(name, side, 10, 10, 5, 1.0, 0.9, 1.1, 1.0, "accuracy", 0.5, "", "2026-01-02")
        for name in ("FGSM", "PGD")
        for side in (OURS, "ART")
    ]
    rows[1] = Row("FGSM", "ART", note="failed: it", date="2026-01-02")
    peaks = [growth.Peak("FGSM", 1, 1, 500.5, "2026-01-02")]
    found = report.Report(machine, 5, "digits", rows, runs, peaks)
    found.write(tmp_path)
    return tmp_path, found


def test_a_report_keeps_what_was_not_measured_anew(earlier):
    folder, before = earlier
    machine = before.machine | {"date": "2026-03-04"}
    again = report.Report(machine, 7)
    again.add(folder)
    assert again == replace(before, machine=machine, load=again.load)
    seconds = dict.fromkeys(whole.CATEGORIES, 1.0)
    run = whole.Run("quick", 5.0, 2, seconds, seconds, {}, "2026-03-04")
    row = Row("FGSM", OURS, 10, 10, 5, 2.0, 1.9, 2.1, 1.0, date="2026-03-04")
    later = report.Report(machine, 5, "digits", [row], [run])
    later.add(folder)
    assert later.runs == [run, before.runs[1]]
    assert later.rows == [row, *before.rows[2:]]
    assert later.peaks == before.peaks
    text = later.markdown()
    assert text.count("measured on 2026-01-02") == 2
    assert "one run, 2026-03-04" in text
    assert "one run in 2 sittings, 2026-01-02" in text


def test_a_report_of_another_machine_is_not_added_to(earlier):
    folder, before = earlier
    other = report.Report(before.machine | {"processor": "another"}, 5)
    with pytest.raises(report.ReportError, match=r"another processor: measure everything"):
        other.add(folder)
    # Of the same name, and in the cloud another one.
    for speed in ("126 GFLOP/s", "79 GFLOP/s"):
        other = report.Report(before.machine | {"speed": speed}, 5)
        with pytest.raises(report.ReportError, match=r"another speed: measure everything"):
            other.add(folder)
    report.Report(before.machine | {"speed": "110 GFLOP/s"}, 5).add(folder)
    images = report.Report(before.machine, 5, "MNIST", before.rows)
    with pytest.raises(report.ReportError, match=r"another set of images: measure everything"):
        images.add(folder)


def test_numbers_stand_to_the_right():
    assert markdown(["a", "b"], [["x", "1"], ["y", ""]]).splitlines()[1] == "| :-- | --: |"


def test_the_page_on_speed_shows_what_was_measured():
    measured = (ROOT / "benchmarks/results/benchmarks.md").read_text()
    table = measured.partition("## Targets\n")[2].strip()
    assert table.count("\n") > 20
    assert table in (ROOT / "docs/speed.md").read_text()


def test_two_checkouts_are_timed_in_turn_and_make_the_same_comparisons(monkeypatch, tmp_path):
    asked = []

    class Other:
        def __init__(self, folder, parts):
            self.slower = 2 if folder == tmp_path else 1
            self.names = iter([*parts, ""])

        def ask(self, question):
            asked.append((self.slower, question))
            return next(self.names) if question == "next" else str(0.25 * self.slower)

    monkeypatch.setattr(versions, "Checkout", Other)
    table = versions.compare(tmp_path, ["pgd"], 2)
    assert "| pgd | 0.5 | 0.5 to 0.5 | 0.25 | 0.25 to 0.25 | 2.000, 2.000 to 2.000 |" in table
    assert [who for who, question in asked if question == "run"] == [1, 2, 2, 1]
    monkeypatch.setattr(versions, "ROOT", tmp_path / "another")
    monkeypatch.setattr(Other, "ask", lambda self, question: f"one{self.slower}")
    with pytest.raises(RuntimeError, match="one2 and one1 are not the same comparison"):
        versions.compare(tmp_path, ["pgd"], 2)
