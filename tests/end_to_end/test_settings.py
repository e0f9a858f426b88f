"""A run is the same with settings for other programs, in odd locales, and without a home folder.

None of these runs shares the server of the others: it would be another for them.
"""

import json
import re

import pytest
from workflow import copy_sources, read, snakemake, write

# An ASCII locale that Python does not take for UTF-8, on every system.
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
TEXT = "ρ → é 漢"


@pytest.mark.thorough
def test_a_job_runs_where_python_is_told_not_to_look_beside_its_script(fresh, monkeypatch):
    for name in ("PYTHONSAFEPATH", "PYTHONOPTIMIZE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("MIRAGE_PRELOAD", "0")
    command = ("--configfile", "config/test.yaml", "--", "results/digits/data/300-100/train.npz")
    result = snakemake(fresh, *command, own_server=True)
    assert result.returncode == 0, result.stdout


@pytest.mark.thorough
def test_a_job_writes_utf8_in_every_locale(fresh, monkeypatch):
    config = read(fresh, "config/test.yaml")
    config["summary"]["columns"][0]["label"] = TEXT
    write(fresh, "mine.yaml", config)
    for name, value in (ASCII | {"MIRAGE_PRELOAD": "0"}).items():
        monkeypatch.setenv(name, value)
    name = "results/digits/configuration.yaml"
    result = snakemake(fresh, name, "--configfile", "mine.yaml", own_server=True)
    assert result.returncode == 0, result.stdout
    assert TEXT in (fresh / name).read_text(encoding="utf-8")


def test_no_home_folder_is_needed_to_plan(fresh, monkeypatch):
    monkeypatch.setenv("HOME", "/proc/none")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    result = snakemake(fresh, "--configfile", "config/test.yaml", "-nq", own_server=True)
    assert result.returncode == 0, result.stdout


@pytest.mark.thorough
def test_no_digit_and_no_pixel_depends_on_settings_for_other_programs(
    finished, tmp_path, monkeypatch
):
    """Of Keras, TensorFlow, Matplotlib and another Python; each would change or break a job."""
    folder = tmp_path / "mirage"
    copy_sources(folder)
    traps = tmp_path / "traps"
    traps.mkdir()
    for package in ("keras", "tensorflow", "matplotlib"):
        (traps / f"{package}.py").write_text("raise ImportError('of another Python')\n")
    home = tmp_path / "home"
    (home / ".keras").mkdir(parents=True)
    keras = {"floatx": "float16", "epsilon": 0.1, "backend": "jax"}
    keras |= {"image_data_format": "channels_first"}
    (home / ".keras/keras.json").write_text(json.dumps(keras))
    (folder / "matplotlibrc").write_text("axes.facecolor: red\nfigure.dpi: 50\nfont.size: 30\n")
    settings = {
        "PYTHONPATH": str(traps),
        "PYTHONSAFEPATH": "1",
        "HOME": str(home),
        "KERAS_BACKEND": "jax",
        "TF_XLA_FLAGS": "--no_such_flag",
        "TF2_BEHAVIOR": "0",
        "MPLBACKEND": "no such backend",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    measures, figure = "measures/float64/seed1.csv", "figures/losses.png"
    targets = [f"results/digits/{name}" for name in (measures, figure)]
    result = snakemake(folder, *targets, "--configfile", "config/test.yaml", own_server=True)
    assert result.returncode == 0, result.stdout
    for target in targets:
        assert (folder / target).read_bytes() == (finished / target).read_bytes(), target


def read_page(page):
    """What a report says: its results by path, its categories, and its first page's lines.

    Snakemake takes jobs in the order of a set, so the drawing of the rules, the order of all else
    and the job that stands for a rule may differ from one page of a run to the next.
    """
    parts = re.findall(rb'<script id="([\w-]+)">\s*var \w+ = (.*);\s*</script>', page)
    parts = {name.decode(): text for name, text in parts}
    data = {name: json.loads(text) for name, text in parts.items() if text.startswith(b"{")}
    categories = data["categories"].items()
    return {
        "results": data["results"],
        "categories": {
            (name, part): sorted(paths) for name, of in categories for part, paths in of.items()
        },
        "rules": sorted(data["rules"]),
        "story": sorted(json.loads(parts["workflow-desc"]).splitlines()),
    }


@pytest.mark.thorough
def test_the_report_says_the_same_in_every_locale(run, monkeypatch):
    caption = run / "report/workflow.rst"
    caption.write_text(f"{caption.read_text(encoding='utf-8')}\n{TEXT}\n", encoding="utf-8")
    pages = []
    for locale in ({}, ASCII):
        for name, value in locale.items():
            monkeypatch.setenv(name, value)
        page = run / f"page{len(pages)}.html"
        result = snakemake(
            run, "--configfile", "config/test.yaml", "--report", page.name, own_server=True
        )
        assert result.returncode == 0, result.stdout
        pages.append(read_page(page.read_bytes()))
    assert any(TEXT in line for line in pages[0]["story"])
    assert pages[0]["results"]
    assert pages[0] == pages[1]
