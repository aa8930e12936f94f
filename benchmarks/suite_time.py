"""How long the fast test tier takes: the goal is under ten minutes on two cores.

python benchmarks/suite_time.py
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from harness import Verdicts

GOAL = 10.0


def main() -> None:
    """Run the test command of README.md once, and stop at its first failure."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "-q", "-x"],
        cwd=Path(__file__).resolve().parent.parent,
        check=True,
    )
    verdicts = Verdicts()
    verdicts.at_most("fast test tier, minutes", GOAL, (time.perf_counter() - start) / 60)
    verdicts.exit()


if __name__ == "__main__":
    main()
