"""The report, opened in headless Chromium: every picture is there, and nothing goes wrong."""

import shutil

import pytest
from workflow import snakemake

# What Snakemake's own report template says of itself, whatever is in the report.
HARMLESS = "cdn.tailwindcss.com should not be used in production"


@pytest.fixture(scope="module")
def report(finished):
    """The report of the finished run."""
    name = "results/digits/report.html"
    result = snakemake(finished, "--configfile", "config/test.yaml", "--report", name)
    assert result.returncode == 0, result.stdout
    return finished / name


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("needs Chromium and ChromeDriver (Debian: chromium, chromium-driver)")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-background-networking"):
        options.add_argument(f"--{argument}")
    # No address is looked up: what the page needs, it must bring along.
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver))
    driver.set_window_size(1500, 1000)
    yield driver
    driver.quit()


@pytest.mark.thorough
def test_every_figure_and_table_is_in_the_report(finished, report, browser):
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(report.as_uri())
    WebDriverWait(browser, 30).until(
        lambda page: "Is this classifier robust" in page.find_element("tag name", "body").text
    )
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
    faults = [entry for entry in browser.get_log("browser") if HARMLESS not in entry["message"]]
    assert faults == []


def test_the_report_names_no_place_of_this_machine(finished, report):
    assert str(finished) not in report.read_text()
