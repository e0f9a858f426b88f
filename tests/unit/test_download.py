"""`download.py` against a real HTTP server on this machine, and from local folders."""

import email.message
import gzip
import hashlib
import http.server
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

import download
from mirage.data import folders, mirrors

SCRIPTS = Path(download.__file__).parent
# Not readable as IDX on purpose: download checks bytes, prepare reads them. Each begins as an HTML
# page does, and is none.
CONTENTS = {
    name: b"<" + os.urandom(size - 1)
    for name, size in (
        (folders.TRAIN_IMAGES, 200_000),
        (folders.TRAIN_LABELS, 300),
        (folders.TEST_IMAGES, 5_000),
        (folders.TEST_LABELS, 100),
    )
}
PACKED = {name: gzip.compress(content) for name, content in CONTENTS.items()}
REDIRECTS = {
    "to-file": f"file://{__file__}",
    "to-http": "http://unused.invalid/{file}",
    "to-ftp": "ftp://127.0.0.1/{file}",
    "to-login": "http://127.0.0.1:{here}/html/{file}",
    "to-good": "http://127.0.0.1:{here}/good/{file}",
}
STATUS = {"missing": 404, "forbidden": 403, "portal": 511} | {
    "busy": 503,
    "often": 429,
    "later": 503,
}
RETRY_AFTER = {"often": "0", "later": "3600"}
HTML = b"<!DOCTYPE html><html><body>Sign in to the hotel's network</body></html>"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by the first folder of the path, which stands for one mirror."""

    def do_GET(self):
        _, kind, file = self.path.split("/")
        self.server.requests[kind] += 1
        packed = PACKED[file.removesuffix(".gz")]
        if kind == "flaky":  # every other answer is good
            kind = "busy" if self.server.requests[kind] % 2 else "good"
        if kind in ("closed", "babble"):
            self.wfile.write(b"" if kind == "closed" else b"SSH-2.0-OpenSSH_9.6\r\n")
            return
        status = STATUS.get(kind, 302 if kind in REDIRECTS else 200)
        body = {
            "html": HTML,
            "long-html": HTML + b" " * 10**6,
            "wrong": gzip.compress(b"other" * 20),
            "cut": packed[: len(packed) // 2],
            "silently-cut": packed[: len(packed) // 2],
            "plain": CONTENTS[file.removesuffix(".gz")],
        }.get(kind, packed)
        self.send_response(status)
        if kind in REDIRECTS:
            self.send_header(
                "Location", REDIRECTS[kind].format(here=self.server.server_port, file=file)
            )
        if kind in RETRY_AFTER:
            self.send_header("Retry-After", RETRY_AFTER[kind])
        if kind not in ("endless", "silently-cut", "dripping"):
            self.send_header("Content-Length", str(len(packed if kind == "cut" else body)))
        self.end_headers()
        try:
            if kind == "silent":  # until the other side has had enough
                self.rfile.read(1)
                return
            while kind in ("endless", "dripping"):
                self.wfile.write(bytes(1 << 16 if kind == "endless" else 1))
                time.sleep(0 if kind == "endless" else 0.05)
        except OSError:
            return
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests = Counter()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def address(server, monkeypatch):
    """The address of mirrors of a small dataset, named tiny."""
    server.requests.clear()
    source = mirrors.Source(
        mirrors=("https://unused.invalid/",),
        files=tuple(
            mirrors.SourceFile(name, len(content), "sha256", hashlib.sha256(content).hexdigest())
            for name, content in CONTENTS.items()
        ),
    )
    monkeypatch.setitem(mirrors.SOURCES, "tiny", source)
    monkeypatch.setattr(download, "BACK_OFF", 0)
    monkeypatch.setenv("no_proxy", "*")
    return f"http://127.0.0.1:{server.server_port}"


def run(folder, *options):
    download.main(['--job={"dataset": "tiny"}', "--output-folder", str(folder), *map(str, options)])


def refused(folder, *options):
    """Run, expect failure with nothing left behind, and return the message."""
    with pytest.raises(SystemExit) as error:
        run(folder, *options)
    assert isinstance(error.value.code, str)  # printed on stderr, status 1
    assert not folder.exists()
    return error.value.code


def assert_complete(folder):
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENTS


@pytest.mark.parametrize("kind", ["good", "plain", "flaky"])
def test_one_mirror_is_enough(address, tmp_path, capsys, kind):
    run(tmp_path / "raw", "--mirrors", f"{address}/{kind}/", "--retries", 1)
    assert_complete(tmp_path / "raw")
    output = capsys.readouterr()
    for name, content in CONTENTS.items():
        assert f"{address}/{kind}/{name}.gz: verified" in output.out
        assert hashlib.sha256(content).hexdigest() in output.out
    assert output.err == ""  # no bar where there is no terminal


@pytest.mark.parametrize(
    ("kind", "requests", "reason"),
    [
        ("missing", 1, r"the answer is 404 \(Not Found\). The file has gone"),
        ("forbidden", 1, r"the answer is 403 \(Forbidden\). The server, or a proxy or firewall"),
        ("portal", 1, r"the answer is 511 .* a web page in a browser, and run again"),
        ("busy", 3, r"the answer is 503 \(Service Unavailable\). Run again later"),
        ("often", 3, r"the answer is 429 \(Too Many Requests\). Run again later"),
        ("later", 1, r"the answer is 503 .*, and asks us to wait 3600 s. Run again later, after"),
        ("cut", 3, "the transfer ended after [0-9,]+ of [0-9,]+ bytes. Run again later"),
        ("silently-cut", 1, "corrupt gzip.*cut short, or the file of this mirror is damaged: run"),
        ("closed", 3, "the connection was closed without an answer. See whether"),
        ("babble", 3, "the answer is not HTTP"),
        ("html", 1, "an HTML page, not a data file. This network may ask you to sign in"),
        ("long-html", 1, "an HTML page, not a data file"),
        ("wrong", 1, "200000 bytes expected, 100 found"),
        ("to-file", 1, r"the answer is 302 \(.*not allowed"),
        ("to-http", 1, r"the answer is 302 \(a redirect to http:.*https only\). .* sign in"),
        ("to-ftp", 1, r"the answer is 302 \(a redirect to ftp:.*not allowed: https only"),
        ("endless", 1, "more than the expected 203024 bytes"),
    ],
)
def test_a_bad_mirror_gives_way_to_the_next(
    server, address, tmp_path, capsys, kind, requests, reason
):
    run(tmp_path / "raw", "--mirrors", f"{address}/{kind}", f"{address}/good", "--retries", 2)
    assert_complete(tmp_path / "raw")
    # The mirror that served the first file is asked first for the others.
    assert server.requests == {kind: requests, "good": 4}
    url = f"{address}/{kind}/{folders.TRAIN_IMAGES}.gz"
    assert re.search(f"{re.escape(url)}: {reason}", capsys.readouterr().out)


def test_a_redirect_to_a_sign_in_page_is_told_with_both_addresses(address, tmp_path, capsys):
    run(tmp_path / "raw", "--mirrors", f"{address}/to-login", f"{address}/good", "--retries", 2)
    first = f"{folders.TRAIN_IMAGES}.gz"
    assert (
        f"{address}/to-login/{first}, redirected to {address}/html/{first}: an HTML page"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("silent", r"it took too long \(timed out\)"), ("dripping", ".*slower than 1,000 bytes")],
)
def test_a_slow_mirror_gives_way_to_the_next(address, tmp_path, capsys, kind, reason):
    mirrors = (f"{address}/{kind}", f"{address}/good")
    run(tmp_path / "raw", "--timeout", 2, "--retries", 0, "--mirrors", *mirrors)
    assert_complete(tmp_path / "raw")
    url = f"{address}/{kind}/{folders.TRAIN_IMAGES}.gz"
    assert re.search(f"{re.escape(url)}: {reason}", capsys.readouterr().out)


def test_all_mirrors_bad_gives_one_message_with_reasons_and_ways_on(address, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        down = f"http://127.0.0.1:{free.getsockname()[1]}"
        kinds = [f"{address}/{kind}" for kind in ("missing", "html", "wrong", "busy", "cut")]
        message = refused(tmp_path / "raw", "--mirrors", *kinds, down, "--retries", 1)
    for url, reason in zip(
        [*kinds, down],
        [
            *("the answer is 404", "an HTML page", "200000 bytes", "the answer is 503"),
            *("the transfer ended after", "127.0.0.1 refuses the connection"),
        ],
        strict=True,
    ):
        assert f"{url}/{folders.TRAIN_IMAGES}.gz: {reason}" in message
    # One line each, all with what to do.
    assert len(message.splitlines()) == 1 + 6 + len(download.WAYS_ON.splitlines())
    for way in ("make reproduce MNIST_DIR=folder", "data_folder", "make quick"):
        assert way in message


def test_a_right_size_with_other_bytes_is_refused(address, tmp_path, monkeypatch):
    other = bytearray(CONTENTS[folders.TEST_LABELS])
    other[7] ^= 1
    monkeypatch.setitem(PACKED, folders.TEST_LABELS, gzip.compress(other))
    # The other three files are good, but a folder holds the whole dataset or nothing.
    message = refused(tmp_path / "raw", "--mirrors", f"{address}/good")
    assert f"not the published {folders.TEST_LABELS}: sha256" in message


def test_a_redirect_within_what_is_allowed_is_followed(server, address, tmp_path):
    run(tmp_path / "raw", "--mirrors", f"{address}/to-good")
    assert_complete(tmp_path / "raw")
    assert server.requests == {"to-good": 4, "good": 4}


@pytest.mark.parametrize(
    ("start", "end", "followed"),
    [
        ("https://a.example/x", "https://b.example/y", True),
        ("https://a.example/x", "http://a.example/x", False),
        ("https://a.example/x", "http://127.0.0.1/x", False),
        ("https://a.example/x", "file:///etc/hostname", False),
        ("http://127.0.0.1/x", "https://b.example/y", True),
        ("http://127.0.0.1/x", "http://b.example/y", False),
    ],
)
def test_a_redirect_never_leaves_https(start, end, followed):
    request = download.urllib.request.Request(start)
    arguments = (request, None, 302, "Found", email.message.Message(), end)
    if followed:
        assert download.Redirects().redirect_request(*arguments).full_url == end
    else:
        with pytest.raises(download.urllib.error.HTTPError, match="https only"):
            download.Redirects().redirect_request(*arguments)


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/hostname", "ftp://127.0.0.1/", "folder", "http://", "https://"),
        *("http://example.com/", "http://127.0.0.1.example.com/", "http://127.0.0.1@example.com/"),
    ],
)
def test_mirrors_are_https_addresses(address, tmp_path, capsys, url):
    with pytest.raises(SystemExit):
        run(tmp_path, "--mirrors", url)
    assert f"not an https address: {url}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "spelling", ["{}", "{}.gz", "{}.gz (not gzipped)", "{} (gzipped)", "idx", "idx.gz"]
)
def test_local_folder(address, tmp_path, spelling):
    local = tmp_path / "local"
    local.mkdir()
    for name, content in CONTENTS.items():
        gzipped = spelling in ("{}.gz", "{} (gzipped)", "idx.gz")
        if spelling.startswith("idx"):
            name = name.replace("-idx", ".idx") + spelling.removeprefix("idx")
        else:
            name = spelling.split()[0].format(name)
        (local / name).write_bytes(gzip.compress(content, 1) if gzipped else content)
    run(tmp_path / "raw", "--local-folder", local)
    assert_complete(tmp_path / "raw")


def test_local_folder_names_what_is_missing_and_what_is_wrong(address, tmp_path):
    local = tmp_path / "local"
    local.mkdir()
    (local / folders.TRAIN_IMAGES).write_bytes(CONTENTS[folders.TRAIN_IMAGES])
    (local / f"{folders.TRAIN_LABELS}.gz").write_bytes(PACKED[folders.TEST_LABELS])
    (local / folders.TEST_IMAGES).write_bytes(CONTENTS[folders.TEST_IMAGES][::-1])
    message = refused(tmp_path / "raw", "--local-folder", local)
    assert f"the local folder {local} cannot be used" in message
    assert folders.TRAIN_IMAGES not in message
    assert f"{folders.TRAIN_LABELS}.gz: 300 bytes expected, 100 found" in message
    assert f"{folders.TEST_IMAGES}: not the published" in message
    assert "fetch what is wrong again" in message
    assert f"missing (with or without .gz): {folders.TEST_LABELS}\n" in message
    message = refused(tmp_path / "raw", "--local-folder", tmp_path / "a" / "nowhere")
    assert f"the local folder {tmp_path / 'a' / 'nowhere'} is not a folder" in message
    assert "it does not exist: correct the path" in message


def test_as_a_script_it_ends_with_a_message_and_no_traceback(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        down = f"http://127.0.0.1:{free.getsockname()[1]}"
        options = ["--retries=0", f"--mirrors={down}", f"--output-folder={tmp_path / 'raw'}"]
        done = subprocess.run(
            [sys.executable, SCRIPTS / "download.py", '--job={"dataset": "mnist"}', *options],
            env={**os.environ, "no_proxy": "*"},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("download: no mirror gave train-images-idx3-ubyte.gz:")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "raw").exists()


@pytest.mark.skipif(not os.environ.get("MNIST_DIR"), reason="MNIST_DIR names no folder with MNIST")
def test_mnist_itself_is_the_published_one(tmp_path):
    local = f"--local-folder={os.environ['MNIST_DIR']}"
    download.main(['--job={"dataset": "mnist"}', f"--output-folder={tmp_path}", local])
    for file in mirrors.SOURCES["mnist"].files:
        assert (tmp_path / file.name).stat().st_size == file.size
        assert mirrors.sha256(tmp_path / file.name) == file.checksum
    # And it is not taken for another dataset whose files have the same names and sizes.
    fashion = ['--job={"dataset": "fashion_mnist"}', f"--output-folder={tmp_path / 'fashion'}"]
    with pytest.raises(SystemExit, match="not the published"):
        download.main([*fashion, local])
    assert not (tmp_path / "fashion").exists()
