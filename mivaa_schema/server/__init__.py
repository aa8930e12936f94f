"""The embedded PostgreSQL: one server per folder, started when it is needed and left running."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg2
from psycopg2 import extensions

from mivaa_schema.errors import Lines, MivaaError
from mivaa_schema.server import host

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DEFAULT_PORT = 5432
_START_WAIT = 180

# Trades safety against power loss for speed.
_NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class EmbeddedUnsupported(MivaaError):
    """The embedded server does not run on {system}: it needs Unix sockets and users.
    Set DATABASE_URL to a PostgreSQL server (15 or later, with pgvector), or work inside WSL.
    """


class PortTaken(MivaaError):
    """Port {port} on 127.0.0.1 is in use by another program.
    Choose a free one (`mivaa-schema server start --port ...`), or leave TCP off with `--port 0`:
    the server is always reachable through its socket.
    """


class ServerNotStarted(MivaaError):
    """The embedded server in {folder} did not start. {source} says: {detail}
    Repair the cause (often a full disk or a closed folder) and start again.
    """


class ServerNotRunning(MivaaError):
    """The embedded server in {folder} is not running. Start it with `mivaa-schema server start`."""


class ServerSilent(MivaaError):
    """The embedded server in {folder} runs (process {pid}), but does not answer: {detail}
    Wait, if it is busy. To end it: `mivaa-schema server stop`; its data stays, and the next
    command starts it again.
    """


class PortNeedsRestart(MivaaError):
    """The embedded server in {folder} runs (process {pid}) and listens on {found}; a port can be
    changed only while it is stopped. Run `mivaa-schema server stop`, which ends every session, then
    `mivaa-schema server start --port {port}`. Nothing was changed.
    """


class TcpOff(MivaaError):
    """The embedded server in {folder} listens on its socket only.
    Switch TCP on with `mivaa-schema server start --port 5433`.
    """


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """The state of the server: `url` is None while it does not answer."""

    running: bool
    pid: int | None
    major: int
    data: Path
    url: str | None


class EmbeddedServer:
    """A PostgreSQL server in a folder.

    The server listens on a Unix socket in a folder of mode 0700. So the user it runs as and root
    can connect, without a password, and nobody else on the machine. An ordinary user runs the
    server as himself. PostgreSQL refuses to run as root, so root runs it as the owner of an
    existing folder, else as `postgres`, else as `nobody`. TCP is off unless a port is given; then
    the server listens on 127.0.0.1 only, and the superuser has a random password in a file that
    only its owner can read.

    Root never writes in the server's folder itself, because the folder's owner could place links
    there: whatever is done in it is done by a process of the server's user.

    For version 18 in `.mivaa`, `.mivaa/pg18/data` is the data folder, `pg18/log` the log,
    `pg18/s-...` the folder of the socket (in the system's temporary folder if the path would be
    too long), `pg18/server.json` has socket and port, and `pg18/password` the password.
    `.mivaa/pg18.lock` is the lock for starting and stopping.

    Args:
        home: the folder, such as `.mivaa`, created when it is missing; None for that of the
            project, see :func:`mivaa_schema.server.host.home_of_project`.
        major: PostgreSQL version, 16 or 18.
        superuser: name of the superuser of a new data folder.
        durable: False trades safety against power loss for speed (tests).
        extra_conf: further server settings, read at the next start of the server.
        port: TCP port on 127.0.0.1; 0 switches TCP off; None keeps the last setting.
        binaries: an installation (with bin, lib, share) instead of the packaged one.
    """

    def __init__(
        self,
        home: Path | None = None,
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
        self.major = major
        self.superuser = superuser
        self.durable = durable
        self.extra_conf = dict(extra_conf or {})
        self.port = port
        # Resolved, because processes are recognised by their working folder.
        self.home = Path(home or host.home_of_project(major)).expanduser().resolve()
        self.files = host.Folder(self.home, major)
        self.folder, self.data, self.log = self.files.path, self.files.data, self.files.log
        self._source = binaries

    def start(self) -> None:
        """Start the server, or do nothing if it runs already.

        Creates the data folder at the first start. A server that runs is never ended here, unless
        its data folder was deleted or emptied.

        Raises:
            MivaaError: one of the errors of this package, with the next step.
        """
        self.files.check_owner()
        installed = self._source or host.packaged(self.major)
        self.files.make_home()
        with self.files.locked():
            self.files.check_version()
            pid, kept = host.postmaster(self.data), self._remembered_port()
            port = kept if self.port is None else self.port
            if pid:
                if port != kept:
                    found = f"port {kept}" if kept else "its socket only"
                    raise PortNeedsRestart(folder=self.folder, pid=pid, found=found, port=port)
                if (silence := self._silence()) is None:
                    return
                # It may have been ending when it was asked.
                if host.postmaster(self.data) is not None:
                    raise ServerSilent(folder=self.folder, pid=pid, detail=silence)
            host.end_orphans(self.data)
            self.files.make()
            binaries = self.files.binaries(installed)
            if not self.data.exists():
                self._initialise(binaries)
            try:
                self._configure(port)
                self._launch(binaries, port)
            except MivaaError:
                if port != kept:
                    # A port is kept only once the server listens on it.
                    self._write_settings(kept)
                raise

    def stop(self) -> None:
        """Stop the server, whatever state it is in; do nothing when there is none.

        Raises:
            MivaaError: one of the errors of this package, with the next step.
        """
        if not self.home.exists():
            host.end_orphans(self.data)
            return
        self.files.check_owner()
        with self.files.locked():
            if pid := host.postmaster(self.data):
                host.end(pid)
            host.end_orphans(self.data)
            where = self.files.remembered().get("socket")
            if where and not Path(where).is_relative_to(self.folder):
                self.files.do("rm", "-rf", where)

    def status(self) -> ServerStatus:
        """The state of the server; changes nothing."""
        self.files.check_owner()
        pid = host.postmaster(self.data)
        answers = pid is not None and self._silence(patience=0) is None
        url = self.url() if answers else None
        return ServerStatus(pid is not None, pid, self.major, self.data, url)

    def url(self, database: str = "postgres", user: str | None = None) -> str:
        """Address of the socket, as libpq reads it; it holds no password.

        Raises:
            ServerNotRunning: the server was never started here.
        """
        self.files.check_owner()
        known = self.files.remembered()
        if "socket" not in known:
            raise ServerNotRunning(folder=self.folder)
        # The port is part of the socket's name; left out, it would come from PGPORT.
        place = f"host={quote(known['socket'])}&port={known.get('port') or _DEFAULT_PORT}"
        return f"postgresql://{_quoted(user or self.superuser)}@/{_quoted(database)}?{place}"

    def tcp_url(self, database: str = "postgres") -> str:
        """TCP address for the superuser, with the password.

        Raises:
            TcpOff: the server was started without a port.
        """
        self.files.check_owner()
        port = self._remembered_port()
        if not port:
            raise TcpOff(folder=self.folder)
        login = f"{_quoted(self.superuser)}:{_quoted(self.files.password.read_text().strip())}"
        return f"postgresql://{login}@127.0.0.1:{port}/{_quoted(database)}"

    def _remembered_port(self) -> int:
        return int(self.files.remembered().get("port", 0))

    def _initialise(self, binaries: Path) -> None:
        """Create the data folder under another name, and rename it when it is complete."""
        draft = "data.new"
        self.files.do("rm", "-rf", draft, "server.json")
        options = ["--encoding=UTF8", "--auth=trust", f"--username={self.superuser}"]
        if self.major >= 17:
            locales = [["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]]
        else:
            # Not every system has the C.UTF-8 of the C library.
            locales = [["--locale=C.UTF-8"], ["--locale=C"]]
        if not self.durable:
            options.append("--no-sync")
        for locale in locales:
            # A relative path, so that no program has to quote the names of users' folders.
            code, printed = self.files.run_initdb(
                binaries / "bin" / "initdb", "-D", draft, *options, *locale
            )
            if code == 0:
                break
        else:
            self.files.do("rm", "-rf", draft)
            # It says much about what went well before.
            said = re.findall(r"(?:error|FATAL|HINT|PANIC): .*", printed) or [printed]
            detail = " ".join(said) or f"nothing (exit code {code})"
            raise ServerNotStarted(folder=self.folder, source="initdb", detail=detail)
        rules = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        self.files.write(f"{draft}/pg_hba.conf", rules)
        include = "include_if_exists = 'mivaa.conf'\n"
        self.files.do("sh", "-c", 'cat >> "$1"', "sh", f"{draft}/postgresql.conf", text=include)
        self.files.do("mv", draft, self.data.name)

    def _configure(self, port: int) -> None:
        """Write server.json and the settings of the server."""
        if port:
            _check_port(port)
        self._write_settings(port)

    def _write_settings(self, port: int) -> None:
        where = str(self.files.socket_folder())
        self.files.write("server.json", json.dumps({"socket": where, "port": port}))
        settings = {
            "listen_addresses": "127.0.0.1" if port else "",
            "port": str(port or _DEFAULT_PORT),
            "unix_socket_directories": where,
            "unix_socket_permissions": "0700",
            "password_encryption": "scram-sha-256",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **({} if self.durable else _NOT_DURABLE),
            **self.extra_conf,
        }
        escaped = str.maketrans({"\\": "\\\\", "'": "''"})
        lines = [f"{name} = '{value.translate(escaped)}'\n" for name, value in settings.items()]
        self.files.write("data/mivaa.conf", "".join(lines))

    def _launch(self, binaries: Path, port: int) -> None:
        # PostgreSQL removes a stale postmaster.pid by itself (after reading the id of its shared
        # memory in it), unless another process has that number by now: then it refuses to start.
        pid = host.recorded_pid(self.data)
        # It is empty, or not there, where a disk was full or a machine lost its power.
        if pid is None or host.is_reused(pid):
            self.files.do("rm", "-f", "data/postmaster.pid")
        # No server uses the data folder, so no process listens on a socket that is left there.
        socket_folder = self.files.remembered()["socket"]
        self.files.do("sh", "-c", 'rm -f "$1"/.s.PGSQL.*', "sh", socket_folder)
        deadline = time.monotonic() + 30
        while True:
            seen = self.log.stat().st_size if self.log.exists() else 0
            code, printed = self.files.run(
                binaries / "bin" / "pg_ctl", "start", "--silent", "--wait",
                f"--timeout={_START_WAIT}", "-D", self.data.name, "-l", self.log.name,
                timeout=_START_WAIT + 10,
            )  # fmt: skip
            if code == 0 and self._silence() is None:
                break
            tail = self._tail(seen) or printed or f"nothing (exit code {code})"
            if port and "Address already in use" in tail:
                raise PortTaken(port=port)
            # After the server was killed, its child processes take a moment to end.
            if "shared memory block" not in tail or time.monotonic() > deadline:
                source = f"Its log ({self.log})"
                lines = Lines.of(tail.splitlines(), "")
                raise ServerNotStarted(folder=self.folder, source=source, detail=lines)
            time.sleep(0.2)
        if port:
            self._set_password()

    def _tail(self, since: int) -> str:
        """The last lines of the log behind a position in bytes."""
        with contextlib.suppress(OSError), self.log.open("rb") as log:
            log.seek(since)
            return "\n".join(log.read().decode(errors="replace").splitlines()[-8:])
        return ""

    def _set_password(self) -> None:
        if not self.files.password.exists():
            self.files.write(self.files.password.name, secrets.token_urlsafe(24))
        password = self.files.password.read_text().strip()
        # Hashed here, so that the password itself reaches no log of the server.
        with contextlib.closing(self._connect()) as connection, connection.cursor() as cursor:
            stored = extensions.encrypt_password(
                password, self.superuser, connection, "scram-sha-256"
            )
            name = extensions.quote_ident(self.superuser, connection)
            cursor.execute(f"alter role {name} password %s", [stored])
            connection.commit()

    def _connect(self) -> extensions.connection:
        known = self.files.remembered()
        with without_pg_variables():
            return psycopg2.connect(
                host=known.get("socket", "/nowhere"),
                port=known.get("port") or _DEFAULT_PORT,
                user=self.superuser,
                dbname="postgres",
                connect_timeout=2,
            )

    def _silence(self, patience: float = 5.0) -> str | None:
        """Why the server does not answer, None if it does; an error of its own is an answer.

        Waits for a recovery, else ``patience`` seconds.
        """
        started = time.monotonic()
        while True:
            try:
                self._connect().close()
            except psycopg2.OperationalError as error:
                message = str(error).strip()
                recovering = re.search("starting up|recovery|not yet accepting", message)
                if "FATAL:" in message and not recovering:
                    return None
                limit = _START_WAIT if recovering and patience else patience
                if time.monotonic() - started >= limit:
                    return message
                time.sleep(0.1)
            else:
                return None


_ENVIRONMENT = threading.Lock()


@contextlib.contextmanager
def without_pg_variables() -> Iterator[None]:
    """Hide the PG* variables from libpq, which would let them decide where and how it connects.

    A variable that is meant for another server, such as PGHOSTADDR, would lead a connection to the
    embedded one astray, and PGSERVICE cannot be overridden by an argument.
    """
    with _ENVIRONMENT:
        hidden = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith("PG")}
        try:
            yield
        finally:
            os.environ.update(hidden)


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                raise PortTaken(port=port) from None
            raise


def _quoted(part: str) -> str:
    """A part of a URL."""
    return quote(part, safe="")
