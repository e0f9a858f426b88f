"""What is said of a download that fails, with real proxies, servers and certificates here."""

import email.message
import email.utils
import errno
import gzip
import hashlib
import http.client
import http.server
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.error

import pytest

import download
from mirage.data import connection, folders, mirrors
from mirage.data.images import DataError

CONTENT = b"some labels"
FILE = mirrors.SourceFile("labels", len(CONTENT), "sha256", hashlib.sha256(CONTENT).hexdigest())
FAR = "https://mirror.invalid/labels.gz"  # a name that no server has


class Handler(http.server.BaseHTTPRequestHandler):
    """A server of one file, and a proxy that answers with the status its server is given."""

    def do_GET(self):
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(gzip.compress(CONTENT))

    def do_CONNECT(self):
        self.server.asked.append(self.path)
        if self.server.status:  # else it closes
            self.send_response(self.server.status)
            self.end_headers()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """Keeps what it was asked for, and counts the connections."""

    status = 200

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.connections = [], 0

    def get_request(self):
        self.connections += 1
        return super().get_request()

    def handle_error(self, *_):
        pass  # a client that does not trust us hangs up


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def closed():
    """The address of a port of this machine on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    """An environment without proxies and certificates of its own."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(("SSL_CERT", "REQUESTS_CA", "CURL_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(download, "BACK_OFF", 0)


def message(url, retries=2):
    """What is said of an address that gives nothing."""
    with pytest.raises(DataError) as error:
        download.attempt(url, FILE, 10, retries)
    text = str(error.value)
    assert text.startswith(f"{url}: ")
    assert text.endswith(".")
    assert "\n" not in text
    return text


# --- Proxies ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "url"),
    [("HTTPS_PROXY", FAR), ("https_proxy", FAR), ("HTTP_PROXY", "http://localhost:1/labels.gz")],
)
def test_a_dead_proxy_is_named_with_its_variable(monkeypatch, capsys, closed, variable, url):
    monkeypatch.setenv(variable, f"http://jane:secret@{closed}")
    text = message(url)
    assert f"the proxy http://{closed} ({variable}) does not answer" in text
    assert f"Correct {variable}" in text
    assert "no_proxy" in text
    assert "secret" not in text + capsys.readouterr().out
    assert "mirror.invalid refuses" not in text
    assert "again in" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("status", "tries", "said"),
    [
        (407, 1, ["asks for a user and a password", "http://user:password@host:port"]),
        (403, 1, ["does not connect to mirror.invalid (403 Forbidden)", "Ask who runs the proxy"]),
        (502, 3, ["does not connect to mirror.invalid (502 Bad Gateway)", "Run again later"]),
        (None, 3, ["does not answer (Remote end closed connection without response)"]),
    ],
)
def test_a_proxy_that_refuses_is_not_taken_for_the_mirror(monkeypatch, server, status, tries, said):
    server.status = status
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.server_port}")
    text = message(FAR)
    for part in ("the proxy http://127.0.0.1", "(HTTPS_PROXY)", *said):
        assert part in text
    assert server.asked == ["mirror.invalid:443"] * tries


def test_a_proxy_before_a_server_without_https_asks_for_a_password_too(monkeypatch, server):
    server.status = 407
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    text = message("http://localhost:1/labels.gz")
    assert "(http_proxy) asks for a user and a password" in text
    assert "Write them in http_proxy" in text


@pytest.mark.parametrize(
    "value", ["http://", "http:/proxy", "http://proxy:abc", "jane:p/secret@x:y"]
)
def test_a_proxy_whose_address_is_none_is_named_without_its_password(monkeypatch, value):
    monkeypatch.setenv("HTTPS_PROXY", value)
    text = message(FAR)
    assert "(HTTPS_PROXY) is no address of a proxy. Correct HTTPS_PROXY (http://host:port)" in text
    assert "secret" not in text


def test_a_socks_proxy_is_told_apart(monkeypatch, closed):
    monkeypatch.setenv("HTTPS_PROXY", f"socks5h://{closed}")
    text = message(FAR)
    assert "is a SOCKS proxy, which is not supported. Name an HTTP proxy in HTTPS_PROXY" in text


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (
            {"HTTPS_PROXY": "http://proxy.invalid:1", "no_proxy": "127.0.0.1"},
            "no_proxy names this server, so that HTTPS_PROXY was not used",
        ),
        (
            {"HTTP_PROXY": "http://proxy.invalid:1"},
            "HTTP_PROXY is not used for https addresses: set HTTPS_PROXY too",
        ),
        (
            {"ALL_PROXY": "http://proxy.invalid:1"},
            "ALL_PROXY is not used for https addresses: set HTTPS_PROXY too",
        ),
        ({}, "Where it needs a proxy, name it in HTTPS_PROXY"),
    ],
)
def test_a_server_asked_directly_says_why_no_proxy_was_used(monkeypatch, closed, environment, said):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    text = message(f"https://{closed}/labels.gz")
    assert "127.0.0.1 refuses the connection (Connection refused)" in text
    assert said in text
    assert "See whether this machine reaches the internet" in text


# --- Certificates -------------------------------------------------------------------------------


def certify(folder, alternative):
    """A self-signed certificate of this machine, or of another, and its key, in one file."""
    if not shutil.which("openssl"):
        pytest.skip("needs the command openssl, to make a certificate")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-newkey", "ec"),
            *("-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2", "-subj", "/CN=test"),
            *("-addext", f"subjectAltName={alternative}", "-keyout", "key.pem", "-out", "ca.pem"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder / "ca.pem"


def encrypt(server, certificate):
    """Have a server speak TLS; returns its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    # The handshake takes place with the first read, in the thread of the connection.
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    return f"https://127.0.0.1:{server.server_port}/labels.gz"


def test_a_certificate_that_nobody_vouches_for_is_not_tried_again(
    server, tmp_path, monkeypatch, capsys
):
    certificate = certify(tmp_path, "IP:127.0.0.1")
    url = encrypt(server, certificate)
    text = message(url)
    assert "the certificate of 127.0.0.1 cannot be verified (self" in text
    assert "name the file of its CA (PEM) in the environment variable SSL_CERT_FILE" in text
    assert server.connections == 1
    assert "again" not in capsys.readouterr().out
    # What is advised helps.
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert download.attempt(url, FILE, 10, 0) == CONTENT


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("SSL_CERT_FILE", "SSL_CERT_FILE names {path}, which does not exist"),
        ("SSL_CERT_DIR", "SSL_CERT_DIR names {path}, which does not exist"),
        ("REQUESTS_CA_BUNDLE", "REQUESTS_CA_BUNDLE is not read here"),
        ("CURL_CA_BUNDLE", "CURL_CA_BUNDLE is not read here"),
    ],
)
def test_variables_that_do_not_help_with_a_certificate_are_named(
    server, tmp_path, monkeypatch, variable, said
):
    url = encrypt(server, certify(tmp_path, "IP:127.0.0.1"))
    monkeypatch.setenv(variable, str(tmp_path / "gone.pem"))
    text = message(url)
    assert "environment variable SSL_CERT_FILE; " in text
    assert said.format(path=tmp_path / "gone.pem") in text


def test_a_certificate_of_another_server_is_a_sign_in_page_perhaps(server, tmp_path, monkeypatch):
    certificate = certify(tmp_path, "DNS:portal.example,IP:127.0.0.2")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    text = message(encrypt(server, certificate))
    assert "the certificate of 127.0.0.1 cannot be verified" in text
    assert "Another server answers in its place. This network may ask you to sign in" in text
    assert server.connections == 1


@pytest.mark.parametrize("code", [9, 10])  # not yet valid, expired
def test_a_certificate_of_another_time_may_be_due_to_the_clock(code):
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "certificate has expired"
    failure = connection.explain(urllib.error.URLError(error), FAR)
    assert failure.what == (
        "the certificate of mirror.invalid cannot be verified (certificate has expired)"
    )
    assert re.search(r"Set this machine's clock if it is wrong \(now 2\d{3}-", failure.remedy)
    assert not failure.again


def test_a_server_without_encryption_is_no_https_server(server):
    text = message(f"https://127.0.0.1:{server.server_port}/labels.gz", retries=1)
    assert "no encrypted connection to 127.0.0.1 (WRONG_VERSION_NUMBER)" in text
    assert "A proxy or a firewall may interfere" in text
    assert server.connections == 2


# --- No network ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "what", "again"),
    [
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "the name mirror.invalid cannot be looked up (Name or service not known)",
            False,
        ),
        (
            socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
            "the name mirror.invalid cannot be looked up (Temporary failure in name resolution)",
            True,
        ),
        (
            OSError(errno.ENETUNREACH, "Network is unreachable"),
            "the connection to mirror.invalid failed (Network is unreachable)",
            True,
        ),
        (TimeoutError("timed out"), "it took too long (timed out)", True),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "reset by peer", True),
    ],
)
def test_no_network_is_said_with_what_to_look_for(monkeypatch, error, what, again):
    failure = connection.explain(urllib.error.URLError(error), FAR)
    assert what in failure.what
    assert "See whether this machine reaches the internet; nodes of a cluster" in failure.remedy
    assert failure.again == again
    # With a proxy it is the proxy that was looked for.
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    failure = connection.explain(urllib.error.URLError(error), FAR)
    assert failure.what.startswith("the proxy proxy.example:3128 (HTTPS_PROXY) does not answer (")
    assert failure.again == again


@pytest.mark.parametrize(
    "error", [ConnectionResetError(), http.client.RemoteDisconnected("closed")]
)
def test_what_breaks_off_after_the_question_is_not_the_proxy_unreachable(monkeypatch, error):
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    failure = connection.explain(error, FAR)
    assert "does not answer" not in failure.what
    assert failure.again


@pytest.mark.parametrize(
    ("value", "again", "wait"),
    [
        (None, True, 0),
        ("7", True, 7),
        ("61", False, 0),
        ("-5", True, 0),
        ("soon", True, 0),
        ("9" * 400, True, 0),
        (email.utils.formatdate(0, usegmt=True), True, 0),
        (email.utils.formatdate(2**32, usegmt=True), False, 0),
    ],
)
@pytest.mark.parametrize("code", [429, 503])
def test_a_server_that_asks_us_to_wait_is_heeded(code, value, again, wait):
    headers = email.message.Message()
    if value:
        headers["Retry-After"] = value
    failure = connection.explain(urllib.error.HTTPError(FAR, code, "Busy", headers, None), FAR)
    assert (failure.again, failure.wait) == (again, wait)
    assert f"the answer is {code} (Busy)" in failure.what


def test_the_wait_that_a_server_asks_for_is_waited(monkeypatch, server, capsys):
    waited = []
    monkeypatch.setattr(time, "sleep", waited.append)
    monkeypatch.setattr(
        Handler,
        "send_response",
        lambda self, code: (
            http.server.BaseHTTPRequestHandler.send_response(self, code),
            self.send_header("Retry-After", "20"),
        ),
    )
    server.status = 503
    message(f"http://127.0.0.1:{server.server_port}/labels.gz", retries=2)
    assert waited == [20, 20]
    assert "the answer is 503 (Service Unavailable); again in 20 s" in capsys.readouterr().out


# --- The disk -----------------------------------------------------------------------------------


def test_files_that_do_not_fit_on_the_disk_are_told(tmp_path, monkeypatch):
    resource = pytest.importorskip("resource")
    source = mirrors.Source((), (FILE,))
    monkeypatch.setitem(mirrors.SOURCES, "tiny", source)
    monkeypatch.setattr(download, "read_local", lambda *_: {"labels": bytes(10**6)})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10**5, limits[1]))
    try:
        with pytest.raises(SystemExit) as error:
            download.main(
                [
                    '--job={"dataset": "tiny"}',
                    f"--output-folder={tmp_path / 'raw'}",
                    "--local-folder=x",
                ]
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert error.value.code.startswith(f"download: {tmp_path / 'raw' / 'labels'}: cannot be")
    assert "Make room on its disk" in error.value.code
    assert list((tmp_path / "raw").iterdir()) == []


def test_every_failure_names_the_way_without_network(monkeypatch, closed, tmp_path):
    monkeypatch.setenv("HTTPS_PROXY", f"http://{closed}")
    with pytest.raises(SystemExit) as error:
        download.main(['--job={"dataset": "mnist"}', f"--output-folder={tmp_path / 'raw'}"])
    for address in mirrors.SOURCES["mnist"].mirrors:
        assert f"{address}{folders.TRAIN_IMAGES}.gz: the proxy http://{closed}" in error.value.code
    assert error.value.code.endswith(download.WAYS_ON)
    assert "make reproduce MNIST_DIR=folder" in download.WAYS_ON
