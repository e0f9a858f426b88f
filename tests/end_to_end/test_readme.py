"""What the README shows works as it stands there."""

import re
import resource
import subprocess
import sys
import textwrap

import pandas as pd
import pytest
from workflow import ROOT, environment, read, snakemake, write


def test_the_attack_of_the_readme_is_a_file_and_an_entry(fresh):
    readme = (ROOT / "README.md").read_text()
    code, entry = (
        textwrap.dedent(re.search(rf"^  ```{kind}\n(.*?)^  ```", readme, re.M | re.S)[1])
        for kind in ("python", "yaml")
    )
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 10
    (fresh / "scripts/mirage/attacks/uniform.py").write_text(code)
    schema = fresh / "schemas/config.schema.yaml"
    text, choice = schema.read_text(), "      oneOf:\n"
    place = text.index(choice, text.index("\n  attacks:\n")) + len(choice)
    schema.write_text(text[:place] + textwrap.indent(entry, " " * 8) + text[place:])

    config = read(fresh, "config/test.yaml")
    run = next(iter(config["runs"]))
    config["runs"] = {run: {**config["runs"][run], "seeds": [1], "epochs": [1]}}
    config["attacks"] = {"uniform": {"method": "uniform"}}
    epsilons = ["0", "0.1", "0.8"]
    config["also"] = [{"run": run, "attack": "uniform", "epsilons": epsilons}]
    for key in ("figures", "tables", "claims", "summary"):
        del config[key]
    write(fresh, "config/test.yaml", config)
    result = snakemake(fresh, "evaluations", "--configfile", "config/test.yaml")
    assert result.returncode == 0, result.stdout
    (file,) = fresh.glob("results/*/attacks/**/sweep.csv")
    rows = pd.read_csv(file, dtype={"epsilon": str}).set_index("epsilon")
    assert list(rows.index) == epsilons
    assert rows.loc["0", "accuracy"] == rows.loc["0", "clean_accuracy"]
    assert rows.loc["0.1", "rho_linf"] > 0.09
    assert rows.loc["0.8", "accuracy"] < rows.loc["0", "accuracy"]
    assert pd.isna(rows.loc["0.1", "zero_share"])  # it follows no gradient


def seconds_of_children():
    """What they have computed: others may be busy beside them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ten_lines():
    """The code of the README's section on Python, and what it says that it prints."""
    text = (ROOT / "README.md").read_text()
    pattern = r"^```python\n(import mirage\n.*?)^```.*?^```\n(.*?)^```"
    return re.search(pattern, text, re.M | re.S).groups()


def test_the_ten_lines_of_the_readme_show_masking(capsys):
    code, shown = ten_lines()
    assert sum(bool(line.strip()) for line in code.splitlines()) == 10
    exec(code, {})
    printed = capsys.readouterr().out
    number = r"\d\.\d\d"
    assert re.sub(number, "#", printed) == re.sub(number, "#", shown)
    # The last digits depend on the machine, what they show does not.
    for text in (shown, printed):
        clean, plain, exact, zeros, wrong = map(float, re.findall(number, text))
        assert clean > 0.9
        assert plain > exact + 0.05
        assert zeros < 0.05 < wrong


@pytest.mark.thorough
def test_the_ten_lines_of_the_readme_take_less_than_ten_seconds(tmp_path):
    before = seconds_of_children()
    done = subprocess.run(
        [sys.executable, "-c", ten_lines()[0]],
        cwd=tmp_path,
        env=environment() | {"PYTHONPATH": str(ROOT / "scripts")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert seconds_of_children() - before < 10
