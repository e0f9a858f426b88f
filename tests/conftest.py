"""What all tests share: one thread, so that every bit is repeatable, and small real runs."""

import fcntl
import shutil

import pytest
from architectures import mlp
from workflow import ROOT, copy_sources, make_dry_run, plan, snakemake

from mirage.runtime import device


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    device.configure(threads=1)


@pytest.fixture(scope="session")
def digits():
    """The embedded digits: training and test images (n, 28, 28) uint8 and labels (n,)."""
    from mirage.data import datasets

    return datasets.digits()


@pytest.fixture(scope="session")
def overfitted(digits):
    """A float32 network trained until its float32 gradient is largely wrong."""
    from mirage.models import networks
    from mirage.training import chain

    (images, labels), _ = digits
    network, optimizer = chain.start(networks.build(mlp(50, 40), "float32", 3), {"name": "adam"})
    flat = (images.reshape(len(images), -1), labels)
    chain.train(
        network,
        optimizer,
        flat,
        flat,
        epochs=range(1, 61),
        seed=3,
        schedule=0.01,
        batch_size=100,
        objective={"name": "cross_entropy"},
    )
    return network


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium, which reaches no network and writes down what it complains of."""
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


@pytest.fixture(scope="session")
def pristine(tmp_path_factory):
    """The sources as they are, for tests that change nothing."""
    folder = tmp_path_factory.mktemp("pristine") / "mirage"
    copy_sources(folder)
    return folder


@pytest.fixture(scope="session")
def whole(pristine):
    """The plan of config/test.yaml where nothing has been made yet."""
    return plan(pristine, "--configfile", "config/test.yaml")


@pytest.fixture
def fresh(pristine, tmp_path):
    """A copy without results."""
    return shutil.copytree(pristine, tmp_path / "fresh", ignore=shutil.ignore_patterns(".*"))


@pytest.fixture(scope="session")
def finished(pristine, tmp_path_factory, worker_id):
    """A copy in which config/test.yaml has been run, for tests that change nothing.

    Where several processes test, the first that needs it makes it for all.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    folder = shared / "finished" / "mirage"
    with open(shared / "finished.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            making = tmp_path_factory.mktemp("making") / "mirage"
            shutil.copytree(pristine, making, ignore=shutil.ignore_patterns(".*"))
            result = snakemake(making, "--configfile", "config/test.yaml")
            assert result.returncode == 0, result.stdout
            folder.parent.mkdir()
            making.rename(folder)
    return folder


@pytest.fixture
def run(finished, tmp_path):
    """A copy of the finished one, times of files included, elsewhere."""
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture(scope="session")
def image():
    """The container's image, by the name that the workflow asks for."""
    if not shutil.which("apptainer"):
        pytest.skip("needs Apptainer; `make cluster-test` brings it along (Debian)")
    file = ROOT / make_dry_run(ROOT, "container").split()[-2]
    if not file.exists():
        pytest.skip(f"needs the image {file.name} (`make container`)")
    return file
