"""The ledger of claims for people: Markdown, and a page for the report."""

import html
import os
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from mirage.reporting.judging import counts
from mirage.reporting.selections import as_text
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
    p_text,
)

# Tints of the Okabe-Ito palette, told apart by people of any colour vision; the words stand too.
COLOURS = {
    REPRODUCED: "#bfe3d6",
    PARTLY: "#cfe4f3",
    UNDECIDED: "#f8eaa0",
    NOT_REPRODUCED: "#f3c3a5",
    FITTED: "#ecd8e6",
    MEASURED: "#e9efda",
    NOT_TESTABLE: "#e3e3e3",
    NOT_GIVEN: "#ececec",
    NO_DATA: "#f4f4f4",
}

STYLE = """
.ledger { font: 14px/1.4 sans-serif; color: #111; background: #fff; max-width: none; }
.ledger table { border-collapse: collapse; width: 100%; margin: .5em 0; }
.ledger th, .ledger td { border: 1px solid #bbb; padding: .3em .5em; text-align: left;
  vertical-align: top; }
.ledger th { background: #eee; }
.ledger td.verdict { min-width: 8em; }
.ledger .small { font-size: 12px; color: #444; }
.ledger a { color: #0047ab; text-decoration: underline; }
"""

# In Snakemake's report a page is shown in a frame whose address is its own content: no link leads
# out of it. So a click hands the figure's name to the report around it, whose first page
# (report/workflow.rst) listens and shows the figure. Opened on its own, the page's links are plain
# links to the files.
SCRIPT = """
document.addEventListener('click', function (click) {
  const link = click.target.closest('a[data-figure]');
  if (!link || window.parent === window) return;
  click.preventDefault();
  window.parent.postMessage(link.dataset.figure, '*');
});
"""


def _measured(line: Mapping, prefix: str = "") -> str:
    """Mean, spread, seeds, and a sample's images of a line; empty where nothing was measured."""
    mean, sd, seeds = (line[f"{prefix}{name}"] for name in ("measured", "spread", "seeds"))
    if pd.isna(mean):
        return ""
    of = f"{seeds} {'seed' if seeds == 1 else 'seeds'}"
    if pd.notna(line["image_error"]):
        of += f"; {line['images']:,} images: ± {line['image_error']:.2g}"
    return f"{line['quantity']} {as_text(mean, sd)} ({of})"


def _place(line: Mapping) -> str:
    """Where a claim stands."""
    return ", ".join(filter(None, (line["source"], line["place"])))


def _tested(line: Mapping) -> str:
    """The test's name, p-value, also as Holm adjusts it, interval, and the source's own numbers."""
    parts = [line["test"]]
    if pd.notna(line["p_value"]):
        parts.append(f"{p_text(line['p_value'])} (Holm {p_text(line['p_holm'])})")
    if pd.notna(line["interval_low"]):
        parts.append(f"[{line['interval_low']:.3g}, {line['interval_high']:.3g}]")
    if line["on_source"]:
        parts.append(f"on the source's numbers: {line['on_source']}")
    return ", ".join(filter(None, parts))


def _strongest(line: Mapping) -> str:
    """Which attack is the strongest, and what the verdict under it rests on."""
    return ": ".join(filter(None, (line["strongest"], line["strongest_reason"])))


def markdown(table: pd.DataFrame) -> str:
    """The ledger as a Markdown table, with the number of each verdict by source at its end."""
    shown_lines = []
    for line in table.to_dict("records"):
        shown_lines.append(
            {
                "id": line["id"],
                "place": _place(line),
                "claim": line["claim"],
                "published": line["published"],
                "measured": _measured(line),
                "test": _tested(line),
                "verdict": f"**{line['verdict']}**",
                "reason": _sentence(line["reason"], line["note"]),
                "under the exact sign": _sentence(
                    f"**{line['exact_verdict']}**" if line["exact_verdict"] else "",
                    line["exact_reason"],
                ),
                "under the strongest attack": _sentence(
                    f"**{line['strongest_verdict']}**" if line["strongest_verdict"] else "",
                    _strongest(line),
                ),
            }
        )
    text = pd.DataFrame(shown_lines).replace(r"\|", r"\\|", regex=True)
    totals = counts(table)
    summary = [
        f"{source}: " + ", ".join(f"{n} {verdict}" for verdict, n in line.items() if n)
        for source, line in totals.iterrows()
    ]
    return (
        text.to_markdown(index=False, disable_numparse=True)
        + "\n\n"
        + "\n".join(f"- {line}" for line in summary)
        + "\n"
    )


def _sentence(*parts: str) -> str:
    return ". ".join(filter(None, parts))


def page(table: pd.DataFrame, figures: Mapping[str, str], folder: Path | str) -> str:
    """The ledger as an HTML page that needs no other file.

    Claims that were not tested are folded together below the others.

    Args:
        table: As `mirage.reporting.judging.ledger` gives it.
        figures: Paths of the figures that this run draws, by name, as the report knows them.
        folder: Where the page will lie; links to figures are relative to it.
    """
    folded = {
        NOT_TESTABLE: "claims are not testable here",
        NOT_GIVEN: "claims ask for a data set that was not given",
        NO_DATA: "claims ask for data that this run lacks",
    }
    parts = [
        _summary(table),
        _lines(table[~table["verdict"].isin(list(folded))], figures, folder),
    ]
    for verdict, text in folded.items():
        hidden = table[table["verdict"] == verdict]
        if len(hidden):
            parts.append(
                f"<details><summary>{len(hidden)} {text}</summary>"
                f"{_lines(hidden, figures, folder)}</details>"
            )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Claims</title></head>'
        f"<body>\n<style>{STYLE}</style>\n<script>{SCRIPT}</script>\n"
        '<div class="ledger">\n' + "\n".join(parts) + "\n</div>\n</body></html>\n"
    )


def _summary(table: pd.DataFrame) -> str:
    """A table of how many claims of which source have which verdict.

    The report's first page (report/workflow.rst) takes it out of the page by its class.
    """
    totals = counts(table)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in ("source", *totals.columns))
    body = "".join(
        f"<tr><th>{html.escape(source)}</th>"
        + "".join(
            f'<td style="background: {COLOURS[verdict]}">{n}</td>' for verdict, n in line.items()
        )
        + "</tr>"
        for source, line in totals.iterrows()
    )
    return f'<table class="counts"><tr>{head}</tr>{body}</table>'


def _lines(table: pd.DataFrame, figures: Mapping[str, str], folder: Path | str) -> str:
    """Claims as rows of an HTML table."""
    head = (
        "claim",
        "statement",
        "published",
        "measured",
        "verdict",
        "under the exact sign",
        "under the strongest attack",
        "test",
    )
    cells = []
    for line in table.to_dict("records"):
        path = figures.get(line["figure"])
        name = html.escape(line["id"])
        if path:
            target = html.escape(Path(os.path.relpath(path, folder)).as_posix())
            name = f'<a href="{target}" data-figure="{html.escape(path)}">{name}</a>'
        where = html.escape(_place(line))
        note = f'<p class="small">{html.escape(line["note"])}</p>' if line["note"] else ""
        cells.append(
            f'<tr id="{html.escape(line["id"])}"><td>{name}<br><span class="small">{where}</span>'
            f"</td><td>{html.escape(line['claim'])}{note}</td>"
            f"<td>{html.escape(line['published'])}</td><td>{html.escape(_measured(line))}</td>"
            + _verdict(line["verdict"], line["reason"])
            + _verdict(line["exact_verdict"], line["exact_reason"])
            + _verdict(line["strongest_verdict"], _strongest(line))
            + f'<td class="small">{html.escape(_tested(line))}</td></tr>'
        )
    return (
        "<table><tr>"
        + "".join(f"<th>{name}</th>" for name in head)
        + "</tr>\n"
        + "\n".join(cells)
        + "</table>"
    )


def _verdict(verdict: str, reason: str) -> str:
    colour = COLOURS.get(verdict, "#fff")
    return (
        f'<td class="verdict" style="background: {colour}"><b>{html.escape(verdict)}</b>'
        f'<br><span class="small">{html.escape(reason)}</span></td>'
    )
