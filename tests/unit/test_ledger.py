"""The ledger for people, and the script that writes it."""

import json
import re
import subprocess
import sys

import pandas as pd
import pytest
from judged import (
    CLAIMS,
    CLOSE,
    DOUBTFUL,
    EQUALS,
    FAILS,
    LACKS,
    ROOT,
    SERIES,
    SHOWN,
    attacks,
    claim,
    given,
)

from mirage.data.columns import COLUMNS
from mirage.reporting import judging, ledger
from mirage.reporting import rows as table_rows
from mirage.reporting.verdicts import (
    FITTED,
    MEASURED,
    NO_DATA,
    NOT_GIVEN,
    NOT_REPRODUCED,
    NOT_TESTABLE,
    PARTLY,
    REPRODUCED,
    UNDECIDED,
    VERDICTS,
)
from mirage.study import library


@pytest.fixture
def small():
    """A ledger with every verdict, and text that must be escaped."""
    rows = given(attacks(CLOSE))
    several = [
        claim(test=[EQUALS], figure="curve", note="a | b <i>"),
        claim(test=[DOUBTFUL]) | {"id": "s-02"},
        claim(test=[EQUALS, FAILS]) | {"id": "s-03"},
        claim(test=[EQUALS], fitted="so") | {"id": "s-04"},
        claim(test=[SHOWN]) | {"id": "s-05"},
        claim(test=[FAILS]) | {"id": "t-01", "source": "t"},
        claim(test=[LACKS]) | {"id": "t-02", "source": "t"},
        claim(not_testable="<script>") | {"id": "t-03", "source": "t"},
        claim(data_not_given="none") | {"id": "t-04", "source": "t"},
    ]
    return judging.ledger(several, {}, rows, "mnist", {}, [])


def test_every_verdict_is_reached_and_counted(small):
    assert small["verdict"].tolist() == [
        *(REPRODUCED, UNDECIDED, PARTLY, FITTED, MEASURED),
        *(NOT_REPRODUCED, NO_DATA, NOT_TESTABLE, NOT_GIVEN),
    ]
    text = ledger.markdown(small)
    assert "- s: 1 reproduced, 1 partly, 1 undecided, 1 fitted, 1 measured\n" in text
    assert "- t: 1 not reproduced, 1 not testable here, 1 data not given, 1 no data\n" in text
    assert "- all: 1 reproduced, 1 partly, 1 undecided, 1 not reproduced" in text
    counted = judging.counts(small[small["verdict"] == REPRODUCED])
    assert list(counted.columns) == [REPRODUCED]
    assert "(Holm p = " in text
    assert r"a \| b" in text
    assert list(small.columns) == judging.COLUMNS


def test_page_colours_links_and_escapes(small):
    page = ledger.page(small, {"curve": "results/mnist/figures/curve.png"}, "results/mnist/tables")
    link = '<a href="../figures/curve.png" data-figure="results/mnist/figures/curve.png">s-01</a>'
    assert link in page
    assert page.count("<a ") == 1
    for verdict, colour in ledger.COLOURS.items():
        assert f'style="background: {colour}"><b>{verdict}</b>' in page
    assert len(set(ledger.COLOURS.values())) == len(VERDICTS)
    assert page.count("<script>") == 1  # the page's own
    assert "&lt;script&gt;" in page
    assert "&lt;i&gt;" in page
    # The report's first page takes this part of it, which is one line.
    (counts,) = re.findall(r'<table class="counts">(.*?)</table>', page)
    numbers = [int(one) for one in re.findall(r">(\d+)</td>", counts)]
    assert numbers == [*(1, 1, 1, 0, 1, 1, 0, 0, 0), *(0, 0, 0, 1, 0, 0, 1, 1, 1), *[1] * 9]
    # What was not tested is folded, below what was.
    tested = page[: page.index("<details>")]
    assert [name for name in small["id"] if f'id="{name}"' in tested] == [
        *("s-01", "s-02", "s-03", "s-04", "s-05", "t-01")
    ]
    assert all(f'id="{name}"' in page for name in small["id"])
    # Nothing is fetched from elsewhere.
    assert "http" not in page


@pytest.mark.thorough
def test_script_writes_three_files(tmp_path):
    rows = attacks([0.45, 0.5, 0.55], run="base", dataset="mnist")
    written = {"attacks": rows, "measures": pd.DataFrame(), "history": pd.DataFrame()}
    for name, table in written.items():
        table.reindex(columns=COLUMNS[name]).to_csv(tmp_path / f"{name}.csv", index=False)
    outputs = [tmp_path / f"claims.{kind}" for kind in ("csv", "md", "html")]
    job = {
        "dataset": "mnist",
        "own": [],
        "dtypes": {},
        "twins": {},
        "ball": {},
        "points": [],
        "figures": {},
    }

    def judged(*files):
        command = [sys.executable, ROOT / "scripts/judge.py", "--job", json.dumps(job)]
        command += ["--claims", *files, "--series", *SERIES, "--restarts", "--output", *outputs]
        for name in written:
            command += [f"--{name}", tmp_path / f"{name}.csv"]
        return subprocess.run(map(str, command), capture_output=True, text=True, check=False)

    done = judged(*CLAIMS)
    assert done.returncode == 0, done.stderr
    found = table_rows.read([outputs[0]])
    assert len(found) == sum(len(library.claims(file)) for file in CLAIMS)
    assert set(found["verdict"]) == {NO_DATA, NOT_TESTABLE, NOT_GIVEN}
    assert "| yue2017-01 " in outputs[1].read_text()
    assert outputs[2].read_text().startswith("<!doctype html>")
    # A faulty file of claims is refused in a sentence, without a trace of the program.
    bad = tmp_path / "bad.yaml"
    bad.write_text("claims: {}")
    done = judged(bad, *CLAIMS[1:])
    assert done.returncode == 1
    assert "bad.yaml: claims: {} is not allowed; it must be a list" in done.stderr
    assert "Traceback" not in done.stderr
