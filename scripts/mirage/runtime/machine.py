"""What a run is made with: files of the workflow, its version, the machine and its software."""

import hashlib
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

# What makes up the workflow; results, the configuration and the environment stand by themselves.
SOURCES = (
    "Snakefile",
    "rules/*.smk",
    "scripts/**/*.py",
    "studies/**/*.*",
    "report/*.rst",
)


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sources(folder: Path) -> dict[str, str]:
    """The workflow's files, path in its folder to SHA-256, sorted."""
    paths = {path for pattern in SOURCES for path in folder.glob(pattern) if path.is_file()}
    return {path.relative_to(folder).as_posix(): sha256(path) for path in sorted(paths)}


def version(folder: Path) -> dict:
    """The version of the code: `sources`, one hash of all, and where there is git `commit` and
    `clean`, whether the folder is as it was committed; else both are None.
    """
    listed = "".join(f"{digest}  {path}\n" for path, digest in sources(folder).items())
    found = {"sources": hashlib.sha256(listed.encode()).hexdigest(), "commit": None, "clean": None}
    # An archive that is unpacked within another repository has not that one's version.
    if _git(folder, "rev-parse", "--show-cdup") == "":
        found["commit"] = _git(folder, "rev-parse", "HEAD")
        changes = _git(folder, "status", "--porcelain")
        found["clean"] = None if changes is None else not changes
    return found


def _git(folder: Path, *arguments: str) -> str | None:
    """What git answers; None where there is no git or no repository."""
    try:
        done = subprocess.run(
            ["git", "-C", folder, *arguments], capture_output=True, encoding="utf-8", check=False
        )
    except OSError:
        return None
    return None if done.returncode else done.stdout.strip()


def describe() -> dict:
    """Processor, cores, memory, system and GPUs of this machine, and its name as in jobs' logs."""
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        system = platform.system()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "node": platform.node(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 2**30, 1),
        "system": system,
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "gpus": _gpus(),
    }


def _processor() -> str:
    """Its name as the system has it, with what it offers of wide vector instructions."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    model = re.search(r"^model name\s*: (.*)$", lines, re.M)
    instructions = set(re.findall(r"\b(avx2|avx512f|amx_tile)\b", lines))
    return ", ".join([model[1] if model else platform.machine(), *sorted(instructions)])


def _gpus() -> list[str]:
    """Names of the GPUs that NVIDIA's tool lists; none where there is no such tool."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return []
    asked = [tool, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    done = subprocess.run(asked, capture_output=True, encoding="utf-8", check=False)
    return [] if done.returncode else done.stdout.splitlines()


def environment() -> dict:
    """This Python and the versions of all packages that it finds."""
    packages = {one.name: one.version for one in importlib.metadata.distributions()}
    return {
        "python": platform.python_version(),
        "packages": dict(sorted(packages.items(), key=lambda item: item[0].lower())),
    }
