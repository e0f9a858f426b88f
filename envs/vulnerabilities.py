"""Ask for known vulnerabilities of every locked dependency: `make vulnerabilities`.

What could not be asked is told and is no pass: exit status 0 says that all packages are known and
none is vulnerable, 1 that some are vulnerable, 3 that records could not be reached. `--may-skip`
makes the last 0 as well, for machines without the network; the reason is told all the same.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
# Whose records of vulnerabilities are asked, the first that answers.
SERVICES = ("pypi", "osv")
VULNERABLE, UNREACHED = 1, 3


def ask(lock: Path, service: str) -> tuple[list[dict], str]:
    """The packages of a lock with what is known of them, and why that is not all (else empty)."""
    tool = Path(sys.executable).parent / "pip-audit"
    options = ["--requirement", lock, "--require-hashes", "--disable-pip", "--format", "json"]
    done = subprocess.run(
        [tool, *options, "--vulnerability-service", service, "--progress-spinner", "off"],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
        return [], f"{service}: {' '.join(last)[:200] or 'no answer'}"
    # pip-audit calls it a pass where the service knows no package at all.
    skipped = [one["skip_reason"] for one in packages if "skip_reason" in one]
    if skipped:
        return packages, f"{service}: {len(skipped)} of {len(packages)} unknown ({skipped[0]})"
    return packages, ""


def main(argv: list[str] | None = None) -> int:
    """Print what is found; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--may-skip", action="store_true", help="no failure without the network")
    args = parser.parse_args(argv)
    status = 0
    silent = {}  # services that know nothing, and why; they are not asked again
    for lock in sorted(FOLDER.glob("requirements*.txt")):
        reasons, vulnerable = [], []
        for service in SERVICES:
            reason = silent.get(service)
            if not reason:
                packages, reason = ask(lock, service)
                vulnerable = [one for one in packages if one.get("vulns")]
                if vulnerable or not reason:
                    break
                if all("skip_reason" in one for one in packages):
                    silent[service] = reason
            reasons.append(reason)
        for one in vulnerable:
            for flaw in one["vulns"]:
                mended = ", ".join(flaw["fix_versions"]) or "none yet"
                print(
                    f"{lock.name}: {one['name']} {one['version']}: {flaw['id']}; mended in {mended}"
                )
        if vulnerable:
            status = VULNERABLE
        elif reason:
            print(f"{lock.name}: NOT LOOKED UP: {'; '.join(reasons)}")
            status = status or UNREACHED
        else:
            print(f"{lock.name}: {len(packages)} packages, no known vulnerability")
    if status == UNREACHED:
        skipped = "Skipped" if args.may_skip else "Failed"
        print(f"{skipped}: the records of vulnerabilities are out of reach; this is no pass.")
        return 0 if args.may_skip else UNREACHED
    return status


if __name__ == "__main__":
    sys.exit(main())
