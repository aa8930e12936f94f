"""How long `alembic upgrade head` takes on a machine that has never run it.

Goal: at most 1.5 times (initdb + server start) plus 3 seconds, with the package installed.

    python benchmarks/cold_upgrade.py [--rounds 5] [--picture FILE]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import Verdicts

ROOT = Path(__file__).resolve().parent.parent
FACTOR, SURCHARGE = 1.5, 3.0


def timed(command: list[str], home: Path) -> float:
    """Seconds that a command takes with its embedded server in a folder."""
    environment = {**os.environ, "MIVAA_HOME": str(home)}
    environment.pop("DATABASE_URL", None)
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start


def one_round(folder: Path) -> tuple[float, float]:
    """Seconds of a first server start alone, and of a first upgrade with its server start."""
    start = [
        sys.executable,
        "-c",
        (
            "import os, pathlib, mivaa_schema.server as s;"
            " s.EmbeddedServer(pathlib.Path(os.environ['MIVAA_HOME'])).start()"
        ),
    ]
    stop = [sys.executable, "-m", "mivaa_schema", "server", "stop"]
    bare = timed(start, folder / "bare")
    timed(stop, folder / "bare")
    upgrade = timed([sys.executable, "-m", "alembic", "upgrade", "head"], folder / "upgrade")
    timed(stop, folder / "upgrade")
    return bare, upgrade


def main() -> None:
    """Alternate both and compare their medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--picture", type=Path, help="file to draw to, such as .svg")
    options = parser.parse_args()
    bare, upgrade = [], []
    for _ in range(options.rounds):
        folder = Path(tempfile.mkdtemp(prefix="mivaa-cold-"))
        folder.chmod(0o755)
        try:
            one, other = one_round(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        bare.append(one)
        upgrade.append(other)
    start, whole = statistics.median(bare), statistics.median(upgrade)
    limit = FACTOR * start + SURCHARGE
    print(f"initdb + server start {start:.2f} s, cold upgrade {whole:.2f} s")
    verdicts = Verdicts(options.picture)
    verdicts.at_most("cold upgrade / (initdb + server start)", limit / start, whole / start)
    verdicts.exit()


if __name__ == "__main__":
    main()
