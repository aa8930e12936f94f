"""Processes of servers: which one uses a data folder, how it is ended, and as whom programs run."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, TypeAlias

from mivaa_schema.errors import ExtraMissing, MivaaError

try:
    import psutil
except ModuleNotFoundError as missing:
    raise ExtraMissing(extra="embedded") from missing

Completed: TypeAlias = subprocess.CompletedProcess[bytes]

# Signals, each with the seconds that a process has to end after it.
ORDERLY = ((signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 5))
QUICK = ((signal.SIGINT, 5), (signal.SIGQUIT, 5), (signal.SIGKILL, 5))
# SIGQUIT first: there is no data left to write.
ABANDONED = ((signal.SIGQUIT, 5), (signal.SIGKILL, 5))


class ServerNotStopped(MivaaError):
    """The embedded server (process {pid}) did not stop and could not be ended: {detail}.
    End that process as the user it runs as, and try again.
    """


def recorded_pid(data: Path) -> int | None:
    """Process id in a data folder's postmaster.pid, which another process can have by now."""
    try:
        return int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def postmaster(data: Path) -> int | None:
    """Process id of the server that uses a data folder, None if there is none."""
    pid = recorded_pid(data)
    return pid if pid is not None and _working_folder(pid) == str(data) else None


def is_reused(pid: int) -> bool:
    """Whether another process has the id of a server that has ended."""
    return psutil.pid_exists(pid) and _working_folder(pid) is not None


def end_orphans(data: Path) -> None:
    """End servers whose data folder was deleted, and the child processes of a killed server."""
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == "postgres" and _working_folder(process.pid) == str(data):
            end(process.pid, ABANDONED)


def end(pid: int, steps: tuple[tuple[signal.Signals, float], ...] = ORDERLY) -> None:
    """End a server: orderly first, then at once, then by force."""
    try:
        process = psutil.Process(pid)
        for number, patience in steps:
            process.send_signal(number)
            until = time.monotonic() + patience
            while time.monotonic() < until:
                # A zombie keeps its id until its parent process reads its exit code.
                if process.status() == psutil.STATUS_ZOMBIE:
                    return
                time.sleep(0.02)
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied:
        raise ServerNotStopped(pid=pid, detail="it belongs to another user") from None
    raise ServerNotStopped(pid=pid, detail="it ignores every signal")


def _working_folder(pid: int) -> str | None:
    """Working folder of a PostgreSQL process, "" for another program, None if it is unknown."""
    try:
        process = psutil.Process(pid)
        if process.name() != "postgres" or process.status() == psutil.STATUS_ZOMBIE:
            return ""
        if not psutil.LINUX:
            return str(process.cwd())
        # The same path in another container is another folder.
        if _link(pid, "ns/mnt") != str(Path("/proc/self/ns/mnt").readlink()):
            return ""
        return _link(pid, "cwd").removesuffix(" (deleted)")
    except (psutil.Error, OSError):
        return None


def _link(pid: int, name: str) -> str:
    """Read a link of /proc; in containers root may lack a right that the process's user has."""
    process = Path("/proc") / str(pid)
    try:
        return str((process / name).readlink())
    except PermissionError:
        if os.geteuid() != 0:
            raise
        owner = process.stat()
        read = run_as(owner.st_uid, owner.st_gid, "readlink", process / name, capture_output=True)
        if read.returncode != 0:
            raise
        return os.fsdecode(read.stdout).removesuffix("\n")


def run_as(user: int, group: int, *command: str | Path, **options: Any) -> Completed:
    """Run a program, if this is root as another user."""
    if os.geteuid() == 0:
        options |= {"user": user, "group": group, "extra_groups": []}
    options.setdefault("cwd", "/")
    done: Completed = subprocess.run([*map(str, command)], check=False, **options)  # noqa: S603
    return done
