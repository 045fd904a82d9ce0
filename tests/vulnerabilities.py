"""Known vulnerabilities of everything that is pinned: `python -m tests.vulnerabilities`, which is `make audit`.

Fails where one is known that a newer version mends. Out of reach of the service that knows them, it says so and fails
nobody: what is not known is neither good nor bad.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from typing import Any

from cdn.settings import ROOT

LOCK = "requirements-dev.lock"
PATIENCE_SECONDS, ANSWER_SECONDS = 60, 10
# How pip-audit ends where the service cannot be asked. Anything else is a fault, of the lock file for one.
AWAY = re.compile(r"\b(\w*ConnectionError|ProxyError|SSLError|\w*Timeout|HTTPError|ServiceError|RetryError)\b|blocking")


@dataclass(frozen=True)
class Verdict:
    """What to say, and whether it has to be mended."""

    lines: list[str]
    failed: bool = False


def main() -> int:
    """Ask and say; returns the exit status."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", LOCK, "--require-hashes", "--disable-pip"]
    options = ["--timeout", str(ANSWER_SECONDS), "--format", "json", "--progress-spinner", "off"]
    try:
        ended = subprocess.run(
            [*command, *options], cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
        )
    except subprocess.TimeoutExpired:
        verdict = out_of_reach(f"there was no answer within {PATIENCE_SECONDS} s")
    else:
        verdict = judge(ended.stdout) if ended.stdout.strip() else judge_end(ended.stderr)
    print("\n".join(verdict.lines))
    return int(verdict.failed)


def judge_end(said: str) -> Verdict:
    """Of a pip-audit that ended without an answer, by what it `said`."""
    last = (said.strip() or "it said nothing").splitlines()[-1]
    return out_of_reach(last) if AWAY.search(said) else Verdict([f"pip-audit did not get through {LOCK}: {last}"], True)


def judge(answer: str) -> Verdict:
    """Of pip-audit's `answer` in JSON."""
    packages: list[dict[str, Any]] = json.loads(answer)["dependencies"]
    unknown = [each["name"] for each in packages if "skip_reason" in each]
    # A mirror of the package index has the packages and knows nothing of their vulnerabilities.
    if len(unknown) == len(packages):
        return out_of_reach(f"it knows none of the {len(packages)} packages")
    found = [(each, fault) for each in packages for fault in each.get("vulns", [])]
    lines = [
        f"{each['name']} {each['version']}: {fault['id']}, "
        + (f"mended in {', '.join(fault['fix_versions'])}" if fault["fix_versions"] else "not mended yet")
        for each, fault in found
    ]
    lines.append(f"{len(packages) - len(unknown)} packages looked up, {len(found)} known vulnerabilities")
    if unknown:
        lines.append(f"Not known to the service: {', '.join(unknown)}")
    return Verdict(lines, failed=any(fault["fix_versions"] for _, fault in found))


def out_of_reach(why: str) -> Verdict:
    """Of a service that could not be asked."""
    told = textwrap.shorten(why, 160, placeholder=" …")
    return Verdict([f"Nothing was looked up, the vulnerability service is out of reach from here: {told}"])


if __name__ == "__main__":
    sys.exit(main())
