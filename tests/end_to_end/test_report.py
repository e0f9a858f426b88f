"""The report, opened in headless Chromium: every picture is there, and nothing goes wrong."""

import base64
import shutil

import pandas as pd
import pytest
from workflow import read, snakemake, write

from mirage.reporting.verdicts import VERDICTS

# What Snakemake's own report template says of itself, whatever is in the report.
HARMLESS = "cdn.tailwindcss.com should not be used in production"


@pytest.fixture(scope="module")
def report(finished, tmp_path_factory):
    """The report of the finished run, elsewhere: other tests look for one there."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    result = snakemake(finished, "--configfile", "config/test.yaml", "--report", str(path))
    assert result.returncode == 0, result.stdout
    return path


@pytest.fixture(scope="module")
def stories(finished, tmp_path_factory):
    """Reports of two runs with the figure `masking`: with claims and a figure of one, without."""
    folder = shutil.copytree(finished, tmp_path_factory.mktemp("stories") / "mirage")
    config = read(folder, "config/test.yaml")
    config["figures"] |= {
        "masking": {
            **config["figures"]["by-epoch"],
            "category": "Masking",
            "title": "The story",
            "caption": "A *caption*.",
        },
        "other": {**config["figures"]["losses"], "category": "Other"},
    }
    reports = []
    for claims in (True, False):
        claim = {**config["claims"][0], "figure": "other"}
        write(folder, "mine.yaml", config | {"claims": [claim] * claims})
        name = f"results/digits/claims-{claims}.html"
        for more in ((), ("--report", name)):
            result = snakemake(folder, "--configfile", "mine.yaml", *more)
            assert result.returncode == 0, result.stdout
        reports.append(folder / name)
    return reports


def wait(browser, condition):
    """Wait until a condition on the page holds."""
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 30).until(condition)


def shown(browser, selector):
    """The elements that a reader sees."""
    return [one for one in browser.find_elements("css selector", selector) if one.is_displayed()]


def first_page(browser, report):
    """Open a report, and wait for its first page."""
    browser.get(report.as_uri())
    browser.get_log("browser")
    browser.refresh()
    wait(browser, lambda page: shown(page, ".story") and not graph(page))


def graph(browser):
    """The drawing of the workflow, where there is one."""
    return shown(browser, "#app #rulegraph :is(canvas, svg)")


def faults(browser):
    """What the browser complains of; Snakemake itself writes to its log, too."""
    found = [entry for entry in browser.get_log("browser") if entry["level"] != "INFO"]
    return [entry for entry in found if HARMLESS not in entry["message"]]


@pytest.mark.thorough
def test_every_figure_and_table_is_in_the_report(finished, report, browser):
    first_page(browser, report)
    held = browser.execute_script("return Object.keys(results)")
    figures = sorted((finished / "results/digits/figures").glob("*.png"))
    assert figures
    for path in figures:
        name = f"results/digits/figures/{path.name}"
        assert name in held
        # The picture itself, decoded by the browser from what the page holds.
        width = browser.execute_async_script(
            "const done = arguments[1], picture = new Image();"
            "picture.onload = () => done(picture.naturalWidth);"
            "picture.onerror = () => done(0);"
            "picture.src = results[arguments[0]].data_uri;",
            name,
        )
        assert width > 400, name
    for table in ("summary", "published"):
        assert f"results/digits/tables/{table}.csv" in held
    assert "results/digits/configuration.yaml" in held
    assert faults(browser) == []


@pytest.mark.thorough
def test_the_first_page_counts_the_verdicts_and_shows_no_picture_where_none_is(
    finished, report, browser
):
    first_page(browser, report)
    claims = pd.read_csv(finished / "results/digits/tables/claims.csv")
    (table,) = shown(browser, ".story table")
    (_, *head), *rows = (
        [cell.text for cell in row.find_elements("css selector", "th, td")]
        for row in table.find_elements("css selector", "tr")
    )
    assert head == [verdict for verdict in VERDICTS if verdict in set(claims["verdict"])]
    counted = dict(tuple(claims.groupby("source"))) | {"all": claims}
    assert {source for source, *_ in rows} == set(counted)
    for source, *numbers in rows:
        found = counted[source]["verdict"].value_counts()
        assert numbers == [str(found.get(verdict, 0)) for verdict in head], source
    assert shown(browser, ".story img") == []
    assert shown(browser, ".system-message") == []
    assert faults(browser) == []


@pytest.mark.thorough
def test_the_first_page_shows_the_picture_of_masking(stories, browser):
    for report, claims in zip(stories, (True, False), strict=True):
        first_page(browser, report)
        (picture,) = shown(browser, ".story img")
        wait(browser, lambda _, picture=picture: picture.get_property("naturalWidth") > 400)
        assert picture.size["width"] > browser.execute_script("return innerWidth") / 2
        assert picture.location["y"] + picture.size["height"] < 1000
        assert [one.text for one in shown(browser, ".story .caption")] == ["A *caption*."]
        assert len(shown(browser, ".story table")) == claims
        assert shown(browser, ".system-message") == []
        # It is held once.
        data = (report.parent / "figures/masking.png").read_bytes()
        assert report.read_text().count(base64.b64encode(data).decode()) == 1
        picture.click()
        wait(browser, lambda page: shown(page, "#app img[src^='data:image/png']"))
        assert "results/digits/figures/masking.png" in browser.find_element("id", "app").text
        assert faults(browser) == []


@pytest.mark.thorough
def test_every_link_of_the_first_page_leads_to_its_results(stories, browser):
    report = stories[0]
    first_page(browser, report)
    categories = browser.execute_script("return categories")
    links = [one.get_dom_attribute("data-category") for one in shown(browser, "a[data-category]")]
    assert sorted(links) == sorted(categories)
    for name in links:
        # From the list of another category, too: the first page stays while a reader looks there.
        browser.execute_script("app.showCategory('Test')")
        browser.find_element("css selector", f".story a[data-category='{name}']").click()
        (paths,) = categories[name].values()
        wait(browser, lambda page, paths=paths: len(shown(page, "nav tbody tr")) == len(paths))
        assert name in shown(browser, "nav ol")[0].text
        viewable = [one for one in paths if one.endswith((".png", ".html", ".yaml"))]
        seen = browser.execute_script("return app.state.content")
        pictures = shown(browser, "#app .p-3 > img, #app iframe")
        assert len(pictures) == bool(viewable), name
        if viewable:
            address = browser.execute_script("return results[arguments[0]].data_uri", viewable[0])
            assert pictures[0].get_dom_attribute("src") == address
        else:
            assert seen == "metadata"
        shown(browser, "nav ol a")[0].click()
        wait(browser, lambda page: shown(page, ".story img"))
        (picture,) = shown(browser, ".story img")
        assert picture.get_property("naturalWidth") > 400
    assert faults(browser) == []


@pytest.mark.thorough
def test_a_claim_s_link_shows_its_figure_and_workflow_the_drawing(stories, browser):
    first_page(browser, stories[0])
    browser.find_element("css selector", ".story a[data-category='Claims']").click()
    wait(browser, lambda page: shown(page, "iframe"))
    browser.switch_to.frame(shown(browser, "iframe")[0])
    wait(browser, lambda page: shown(page, "a[data-figure]"))
    shown(browser, "a[data-figure]")[0].click()
    browser.switch_to.default_content()
    wait(browser, lambda page: shown(page, "#app .p-3 > img"))
    figure = "results/digits/figures/other.png"
    address = browser.execute_script("return results[arguments[0]].data_uri", figure)
    assert shown(browser, "#app .p-3 > img")[0].get_dom_attribute("src") == address
    shown(browser, "nav ol a")[0].click()
    wait(browser, lambda page: shown(page, ".story img"))
    (workflow,) = (one for one in shown(browser, "nav a") if one.text == "Workflow")
    workflow.click()
    wait(browser, graph)
    assert shown(browser, ".story") == []
    assert faults(browser) == []


def test_the_report_names_no_place_of_this_machine(finished, report):
    assert str(finished) not in report.read_text()
