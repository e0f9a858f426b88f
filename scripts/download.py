"""Fetch the four files of a dataset, from mirrors or a local folder, verified and uncompressed."""

import argparse
import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from mirage.data import connection, folders, mirrors
from mirage.data.images import DataError
from mirage.data.jobs import Download
from mirage.runtime import files
from mirage.runtime.errors import script

BACK_OFF = 0.5  # seconds before the first retry of a mirror; doubles with each further one
SLOWEST = 1_000  # bytes per second, from a mirror that is waited for

WAYS_ON = """\
Two ways without the network:
  make reproduce MNIST_DIR=folder  takes the four files from a local folder; fetch them elsewhere
                                   (the key data_folder of the configuration does the same)
  make quick                       takes scikit-learn's digits, which need no download"""


@script
def main(argv: list[str] | None = None) -> None:
    """Run the command line; exits with status 1 and one message where a file cannot be had."""
    parser = Download.parser(__doc__)
    parser.add_argument("--output-folder", type=Path, required=True)
    parser.add_argument("--local-folder", type=Path, help="take the files from here instead")
    parser.add_argument("--timeout", type=float, default=30, help="seconds without an answer")
    parser.add_argument("--retries", type=int, default=3, help="per mirror, after the first try")
    parser.add_argument("--mirrors", type=mirror, nargs="+", metavar="URL", help="instead of ours")
    arguments = parser.parse_args(argv)
    if arguments.timeout <= 0 or arguments.retries < 0:
        parser.error("--timeout must be above 0 and --retries 0 or more")
    source = mirrors.SOURCES[arguments.job.dataset]

    if arguments.local_folder:
        contents = read_local(source, arguments.local_folder)
    else:
        addresses = arguments.mirrors or source.mirrors
        contents = download(source, addresses, arguments.timeout, arguments.retries)
    # Only once all four are at hand: a folder holds the whole dataset or nothing new.
    for name, content in contents.items():
        path = arguments.output_folder / name
        with files.atomic(path) as temporary:
            temporary.write_bytes(content)
        print(f"{path}: {len(content)} bytes, SHA-256 {mirrors.sha256(path)}")


def mirror(url: str) -> str:
    """Check the address of a mirror: https, or a server on this machine itself."""
    if not safe(url):
        raise argparse.ArgumentTypeError(
            f"not an https address: {url} (http is for servers on this machine)"
        )
    return url if url.endswith("/") else f"{url}/"


def safe(url: str) -> bool:
    """Whether nobody between can change what an address gives: https, or http on this machine."""
    parts = urllib.parse.urlsplit(url)
    here = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
    return bool(parts.hostname) and (parts.scheme == "https" or here)


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a server to where it sends us, but never out of https."""

    def redirect_request(self, request, file, code, message, headers, url):  # noqa: D102
        leaves = request.type == "https" and not url.lower().startswith("https:")
        if leaves or not safe(url):
            why = f"a redirect to {url} is not allowed: https only"
            raise urllib.error.HTTPError(request.full_url, code, why, headers, file)
        return super().redirect_request(request, file, code, message, headers, url)


def read_local(source: mirrors.Source, folder: Path) -> dict[str, bytes]:
    """Return the verified, uncompressed content of each file, by name, from a local folder.

    A file may be gzipped or not, and have any name that `folders.find` knows.
    Raises DataError that names the folder and every file that is missing or wrong.
    """
    contents, missing, wrong = {}, folders.faults(folder, folders.IDX), []
    for file in source.files:
        if path := folders.find(folder, file.name):
            name = path.relative_to(folder)
            try:
                contents[file.name] = mirrors.verify(path.read_bytes(), file, name)
            except DataError as error:
                wrong.append(str(error))
            except OSError as error:
                wrong.append(f"{name}: cannot be read ({error.strerror})")
    if len(contents) < len(source.files):
        if wrong:
            wrong.append("fetch what is wrong again, from where it is published")
        raise DataError(folders.refusal(folder, missing + wrong))
    return contents


def download(
    source: mirrors.Source, addresses: Sequence[str], timeout: float, retries: int
) -> dict[str, bytes]:
    """Return the verified, uncompressed content of each file, by name, from the first good mirror.

    Raises DataError that names every address tried, its reason and the ways on.
    """
    contents = {}
    for file in source.files:
        reasons = []
        for base in addresses:
            url = f"{base}{file.name}.gz"
            try:
                contents[file.name] = attempt(url, file, timeout, retries)
            except DataError as error:
                print(error, flush=True)
                reasons.append(f"  {error}")
                continue
            print(f"{url}: verified", flush=True)
            # The next file starts with this mirror rather than wait for a dead one again.
            addresses = [base, *(other for other in addresses if other != base)]
            break
        else:
            raise DataError("\n".join([f"no mirror gave {file.name}.gz:", *reasons, WAYS_ON]))
    return contents


def attempt(url: str, file: mirrors.SourceFile, timeout: float, retries: int) -> bytes:
    """Return the verified, uncompressed content of `file` from one address, with retries.

    What another try may mend is tried again: a broken connection, a server's passing trouble.
    Wrong content, a refusal or a certificate is not. Raises DataError that begins with the address
    and says why, and what to do.
    """
    # Data that do not shrink make a gzip slightly larger than its content. The cap keeps a mirror
    # that never stops sending from filling the memory.
    limit = file.size + file.size // 100 + 1024
    for tried in range(retries + 1):
        try:
            body = fetch(url, limit, timeout)
            break
        except DataError:
            raise
        # A ValueError is an address that is none, such as that of a proxy.
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()  # it holds the connection
            failure = connection.explain(error, url)
        if not failure.again or tried == retries:
            raise DataError(f"{url}: {failure.what}. {failure.remedy}.")
        wait = max(BACK_OFF * 2**tried, failure.wait)
        print(f"{url}: {failure.what}; again in {wait:.3g} s", flush=True)
        time.sleep(wait)
    try:
        return mirrors.verify(body, file, url)
    except DataError as error:
        why = "The transfer was cut short, or the file of this mirror is damaged"
        raise DataError(f"{error}. {why}: run again later.") from None


def fetch(url: str, limit: int, timeout: float) -> bytes:
    """Return the body of one answer of at most `limit` bytes.

    Raises DataError for a longer one and for a web page; OSError or HTTPException where the
    connection fails, is silent for `timeout` seconds or slow for longer, or the body is shorter
    than announced; ValueError for an address that is none, a proxy's included.
    """
    body = bytearray()
    began = time.monotonic()
    with urllib.request.build_opener(Redirects).open(url, timeout=timeout) as response:
        announced = response.length  # None where the server does not say
        # disable=None: a bar on a terminal, nothing in a log file.
        bar = tqdm(total=announced, desc=url, unit="B", unit_scale=True, leave=False, disable=None)
        with bar:
            # What has come, however little: a whole block of a dripping server could take for ever.
            while len(body) <= limit and (chunk := response.read1(1 << 16)):
                body += chunk
                passed = time.monotonic() - began
                if passed > timeout and len(body) < SLOWEST * passed:
                    raise TimeoutError(f"slower than {SLOWEST:,} bytes a second")
                bar.update(len(chunk))
        final = response.url
    if mirrors.is_page(body):
        source = f"{url}, redirected to {final}" if final != url else url
        raise DataError(f"{source}: an HTML page, not a data file. {connection.SIGN_IN}.")
    if len(body) > limit:
        raise DataError(f"{url}: more than the expected {limit} bytes, not the file")
    if announced is not None and len(body) < announced:
        raise http.client.IncompleteRead(bytes(body), announced - len(body))
    return bytes(body)


if __name__ == "__main__":
    main()
