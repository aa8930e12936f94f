"""How long `alembic check` takes at head, where there is nothing to report.

It is compared with `alembic current`, which starts Python and Alembic and reads one row. The
commands alternate, each in a process of its own. There is no goal.

    python benchmarks/check_time.py [--rounds 7] [--keep DIR]
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from harness import alternate, arguments, medians, upgraded_database

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Measure both commands and print their medians and the ratio."""
    options = arguments(__doc__, rounds=7)
    with upgraded_database(options, "check_time") as (engine, _):
        url = engine.url.render_as_string(hide_password=False)

        def run(command: str) -> None:
            subprocess.run(
                [sys.executable, "-m", "alembic", command],
                cwd=ROOT,
                env={**os.environ, "DATABASE_URL": url},
                check=True,
                capture_output=True,
            )

        commands = {name: lambda _, name=name: run(name) for name in ("check", "current")}
        found = medians(alternate(commands, options.rounds))
    check, current = found["check"] / 1000, found["current"] / 1000
    print(f"alembic check {check:.2f} s, alembic current {current:.2f} s")
    print(f"check / current {check / current:.2f}")


if __name__ == "__main__":
    main()
