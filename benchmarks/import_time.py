"""Import time and the first `Studio`, as ratios to importing httpx and pydantic, in interleaved fresh processes.

Run: `python benchmarks/import_time.py [ROUNDS]`. Targets: import <= 0.5, first Studio <= 1.15.
"""

from __future__ import annotations

import subprocess
import sys

CASES = {
    "import httpx, pydantic": "import httpx, pydantic; pydantic.BaseModel",
    "import nexiom_sdk": "import nexiom_sdk",
    "first Studio": "import nexiom_sdk; nexiom_sdk.Studio()",
}
_TIMED = "import time; a = time.perf_counter(); {code}; print(time.perf_counter() - a)"


def _seconds(code: str) -> float:
    done = subprocess.run([sys.executable, "-c", _TIMED.format(code=code)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main(rounds: int) -> None:
    """Print the table."""
    times: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(rounds):
        for name, code in CASES.items():
            times[name].append(_seconds(code))
    base = min(times["import httpx, pydantic"])
    for name, found in times.items():
        best = min(found)  # the least disturbed run: other work only adds
        print(f"{name:24} {best * 1000:7.1f} ms   ratio {best / base:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
