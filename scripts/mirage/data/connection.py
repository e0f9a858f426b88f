"""Why a download failed, in a sentence, and what to do about it."""

import email.utils
import http.client
import os
import re
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

LONGEST_WAIT = 60  # seconds that a server may ask us to wait

CONNECT = "See whether this machine reaches the internet; nodes of a cluster often do not"
SIGN_IN = "This network may ask you to sign in: open a web page in a browser, and run again"
LATER = "Run again later"


@dataclass(frozen=True)
class Failure:
    """What went wrong, what to do (a sentence without its full stop), and whether to try again."""

    what: str
    remedy: str
    again: bool = False
    wait: float = 0  # seconds that the server asks for


@dataclass(frozen=True)
class Proxy:
    """A proxy, without user and password, and the variable that names it."""

    address: str
    variable: str

    def __str__(self) -> str:
        """How messages name it."""
        return f"the proxy {self.address} ({self.variable})"


def proxy(url: str) -> Proxy | None:
    """The proxy through which urllib asks for an address; None where it asks directly."""
    parts = urllib.parse.urlsplit(url)
    address = urllib.request.getproxies().get(parts.scheme)
    if not address or urllib.request.proxy_bypass(parts.netloc):
        return None
    # A password does not belong in a log.
    shown = re.sub(r"^(\w+://)?.*@", lambda begin: begin[1] or "", address)
    names = (f"{parts.scheme}_proxy", f"{parts.scheme}_proxy".upper())
    variable = next((name for name in names if os.environ.get(name)), "the system's settings")
    return Proxy(shown, variable)


def explain(error: Exception, url: str) -> Failure:
    """Say why an address gave nothing.

    Args:
        error: What urllib raised: HTTPError, URLError or another OSError, HTTPException, or
            ValueError for an address that is none.
        url: The address that was asked for.
    """
    if isinstance(error, urllib.error.HTTPError):
        return _of_answer(error, proxy(url))
    # What fails before the request has been sent comes wrapped.
    connecting = isinstance(error, urllib.error.URLError)
    if connecting:
        # Text where there is no host to ask.
        error = error.reason if isinstance(error.reason, Exception) else ValueError(error.reason)
    host = urllib.parse.urlsplit(url).hostname
    through = proxy(url)
    if isinstance(error, ssl.SSLCertVerificationError):
        return _of_certificate(error, host)
    if through and through.address.lower().startswith("socks"):
        return Failure(
            f"{through} is a SOCKS proxy, which is not supported",
            f"Name an HTTP proxy in {through.variable}",
        )
    if isinstance(error, ValueError | http.client.InvalidURL):
        # The error may quote a part of a password.
        if through:
            return Failure(f"{through} is no address of a proxy", _set_proxy(through))
        return Failure(f"not a valid address ({error})", "Correct the address")
    if refusal := re.search(r"Tunnel connection failed: (\d+) ?(.*)", str(error)):
        return _of_proxy(int(refusal[1]), refusal[2], through, host)
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if isinstance(error, ssl.SSLError):
        return Failure(
            f"no encrypted connection to {host} ({error.reason or reason})",
            f"A proxy or a firewall may interfere: ask who runs the network. {CONNECT}",
            again=True,
        )
    if connecting and through:
        # A name that does not exist and a port that is closed stay so.
        lasting = isinstance(error, ConnectionRefusedError) or _unknown(error)
        return Failure(f"{through} does not answer ({reason})", _set_proxy(through), not lasting)
    if isinstance(error, socket.gaierror):
        what = f"the name {host} cannot be looked up ({reason})"
        return Failure(what, _connect(url), not _unknown(error))
    if isinstance(error, TimeoutError):
        return Failure(f"it took too long ({reason})", f"{_connect(url)}, or run again later", True)
    if isinstance(error, http.client.IncompleteRead):
        whole = "" if error.expected is None else f" of {len(error.partial) + error.expected:,}"
        reason = f"the transfer ended after {len(error.partial):,}{whole} bytes"
        return Failure(reason, LATER, again=True)
    if isinstance(error, http.client.RemoteDisconnected):
        return Failure("the connection was closed without an answer", _connect(url), again=True)
    if isinstance(error, http.client.HTTPException):
        return Failure(f"the answer is not HTTP ({reason!r})", _connect(url), again=True)
    if isinstance(error, ConnectionRefusedError):
        return Failure(f"{host} refuses the connection ({reason})", _connect(url), again=True)
    return Failure(f"the connection to {host} failed ({reason})", _connect(url), again=True)


def _unknown(error: Exception) -> bool:
    """Whether a name does not exist, rather than that nobody could be asked."""
    return isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN


def _connect(url: str) -> str:
    """What to do where a server was asked directly and cannot be reached."""
    scheme = urllib.parse.urlsplit(url).scheme
    proxies = urllib.request.getproxies()
    variable = f"{scheme}_proxy".upper()
    if proxy(url):
        return CONNECT
    if scheme in proxies:
        return f"no_proxy names this server, so that {variable} was not used. {CONNECT}"
    for other in ("http", "all"):
        if other in proxies:
            name = f"{other}_proxy".upper()
            return f"{name} is not used for {scheme} addresses: set {variable} too. {CONNECT}"
    return f"{CONNECT}. Where it needs a proxy, name it in {variable}"


def _set_proxy(through: Proxy) -> str:
    return (
        f"Correct {through.variable} (http://host:port), or remove it where this machine needs "
        "no proxy; no_proxy lists servers that are asked directly"
    )


def _of_proxy(code: int, reason: str, through: Proxy | None, host: str | None) -> Failure:
    """A proxy that answers, and does not let us through."""
    name = through or "the proxy"
    if code == 407:
        variable = through.variable if through else "HTTPS_PROXY"
        return Failure(
            f"{name} asks for a user and a password, or refuses those it was given ({code})",
            f"Write them in {variable}: http://user:password@host:port, with %40 for @ and %3A "
            "for : within them",
        )
    what = f"{name} does not connect to {host} ({code} {reason})"
    if code >= 500:
        return Failure(what, f"{LATER}, or ask who runs the proxy", again=True)
    return Failure(what, f"Ask who runs the proxy to allow {host}")


def _of_answer(error: urllib.error.HTTPError, through: Proxy | None) -> Failure:
    """An answer that is not the file."""
    code = error.code
    if code == 407:
        return _of_proxy(code, error.reason, through, None)
    what = f"the answer is {code} ({error.reason})"
    if 300 <= code < 400 or code == 511:  # Network Authentication Required
        return Failure(what, SIGN_IN)
    if code in (404, 410):
        return Failure(what, "The file has gone; a newer mirage may know another place")
    if code < 500 and code not in (408, 429):  # time-out, too many requests
        return Failure(what, "The server, or a proxy or firewall before it, does not give the file")
    wait = _retry_after(error.headers.get("Retry-After"))
    if wait > LONGEST_WAIT:
        return Failure(f"{what}, and asks us to wait {wait:.0f} s", f"{LATER}, after that time")
    return Failure(what, LATER, again=True, wait=wait)


def _retry_after(value: str | None) -> float:
    """Seconds that a Retry-After header asks for: a number, or a date; 0 without a valid one."""
    if value and re.fullmatch(r"\s*\d{1,9}\s*", value):
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _of_certificate(error: ssl.SSLCertVerificationError, host: str | None) -> Failure:
    """A certificate that cannot be verified, which no further try mends."""
    what = f"the certificate of {host} cannot be verified ({error.verify_message})"
    match error.verify_code:
        case 9 | 10:  # not yet valid, expired
            now = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
            return Failure(what, f"Set this machine's clock if it is wrong (now {now})")
        case 62 | 64:  # another host name, another address
            return Failure(what, f"Another server answers in its place. {SIGN_IN}")
    return Failure(
        what,
        "Where a proxy of this network signs certificates itself, name the file of its CA (PEM) "
        f"in the environment variable SSL_CERT_FILE{_certificates()}",
    )


def _certificates() -> str:
    """What is known of the certificates that Python trusts, as a clause; may be empty."""
    found = []
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if path := os.environ.get(variable):
            exists = any(map(os.path.exists, path.split(os.pathsep)))
            state = "has no CA that fits" if exists else "does not exist"
            found.append(f"{variable} names {path}, which {state}")
    found += [
        f"{variable} is not read here"
        for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
        if os.environ.get(variable)
    ]
    paths = ssl.get_default_verify_paths()
    folder = paths.capath and any(Path(paths.capath).glob("*"))
    if not os.environ.get("SSL_CERT_FILE") and not paths.cafile and not folder:
        found.append(
            "Python finds no certificates on this machine: install ca-certificates (on macOS, run "
            "Install Certificates.command of Python)"
        )
    return "".join(f"; {clause}" for clause in found)
