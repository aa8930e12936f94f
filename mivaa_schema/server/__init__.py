"""The embedded PostgreSQL: one server a folder, started when it is needed and left running."""

from __future__ import annotations

import errno
import os
import re
import secrets
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg2
import psycopg2.extensions

from mivaa_schema.errors import MivaaError
from mivaa_schema.server import processes
from mivaa_schema.server.files import Files, packaged

if TYPE_CHECKING:
    from collections.abc import Mapping

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


class InitFailed(MivaaError):
    """No database could be made in {folder}. initdb says: {detail}
    Repair the cause (often a full disk or a closed folder) and start again; nothing was left
    behind.
    """


class ServerNotStarted(MivaaError):
    """The embedded server in {folder} did not start. Its log ({log}) ends with: {detail}
    Repair the cause and start again.
    """


class ServerNotRunning(MivaaError):
    """The embedded server in {folder} is not running. Start it with `mivaa-schema server start`."""


class TcpOff(MivaaError):
    """The embedded server in {folder} listens on its socket only.
    Switch TCP on with `mivaa-schema server start --port 5433`.
    """


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """The state of the server: `url` is None while it does not run."""

    running: bool
    pid: int | None
    major: int
    data: Path
    url: str | None


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
        self.files = Files(self.home, major)
        self.folder = self.files.folder
        self.data = self.files.data
        self.log = self.files.log
        self._source = binaries

    def start(self) -> None:
        """Start the server, or do nothing when it answers already.

        Makes the data folder at the first start. Ends a server that runs but does not answer, and
        one whose data folder was deleted, and starts anew.

        Raises:
            MivaaError: one of the errors of this package, with the next step.

        """
        self.files.check_owner()
        installed = self._source or packaged(self.major)
        self.files.make_home()
        with self.files.locked():
            self.files.check_version()
            pid = processes.postmaster(self.data)
            same_port = self.port in (None, self.files.remembered().get("port", 0))
            if self.port and not same_port:
                _check_port(self.port)
            if pid and self._answers() and same_port:
                return
            if pid:
                # It may not react any more: wait less, recovery restores what is lost.
                processes.end(pid, processes.QUICK)
            processes.end_orphans(self.data)
            self.files.make_folder()
            binaries = self.files.binaries(installed)
            if not self.data.exists():
                self._initialise(binaries)
            self._configure()
            self._launch(binaries)

    def stop(self) -> None:
        """Stop the server, whatever state it is in; do nothing when there is none.

        Raises:
            MivaaError: one of the errors of this package, with the next step.

        """
        if not self.home.exists():
            processes.end_orphans(self.data)
            return
        self.files.check_owner()
        with self.files.locked():
            pid = processes.postmaster(self.data)
            if pid:
                processes.end(pid)
            processes.end_orphans(self.data)
            where = self.files.remembered().get("socket")
            if where and not Path(where).is_relative_to(self.folder):
                self.files.do("rm", "-rf", where)

    def status(self) -> ServerStatus:
        """Look at the server without changing anything."""
        self.files.check_owner()
        pid = processes.postmaster(self.data)
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
        self.files.check_owner()
        known = self.files.remembered()
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
        self.files.check_owner()
        port = self.files.remembered().get("port")
        if not port:
            raise TcpOff(folder=self.folder)
        user = quote(self.superuser, safe="")
        password = quote(self.files.password.read_text().strip(), safe="")
        return f"postgresql://{user}:{password}@127.0.0.1:{port}/{quote(database, safe='')}"

    def _initialise(self, binaries: Path) -> None:
        """Make the data folder beside its place and move it there whole."""
        draft = "data.new"
        self.files.do("rm", "-rf", draft)
        self.files.forget()
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
            code, printed = self.files.programs.run(
                binaries / "bin" / "initdb", "-D", draft, *options, *locale, timeout=300
            )
            if code == 0:
                break
        else:
            self.files.do("rm", "-rf", draft)
            raise InitFailed(folder=self.folder, detail=printed or f"nothing (exit code {code})")
        rules = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        self.files.write(f"{draft}/pg_hba.conf", rules)
        include = "include_if_exists = 'mivaa.conf'\n"
        self.files.do("sh", "-c", 'cat >> "$1"', "sh", f"{draft}/postgresql.conf", text=include)
        self.files.do("mv", draft, self.data.name)

    def _configure(self) -> None:
        port = self.files.remembered().get("port", 0) if self.port is None else self.port
        if port:
            _check_port(port)
        where = self.files.socket_folder()
        self.files.remember({"socket": str(where), "port": port})
        settings = {
            "listen_addresses": "127.0.0.1" if port else "",
            "port": str(port or _DEFAULT_PORT),
            "unix_socket_directories": str(where),
            "unix_socket_permissions": "0700",
            "password_encryption": "scram-sha-256",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        durability = {} if self.durable else _NOT_DURABLE
        self.files.configure(settings | durability | self.extra_conf)

    def _launch(self, binaries: Path) -> None:
        # PostgreSQL recovers from a stale postmaster.pid by itself (and finds in it the shared
        # memory of a killed server), unless another process has that number by now: then it
        # would refuse.
        pid = processes.recorded_pid(self.data)
        if pid is not None and processes.is_reused(pid, self.data):
            self.files.do("rm", "-f", "data/postmaster.pid")
        # No server holds the data folder, so nobody listens there: what is left is litter.
        known = self.files.remembered()
        self.files.do("sh", "-c", 'rm -f "$1"/.s.PGSQL.*', "sh", known["socket"])
        deadline = time.monotonic() + 30
        while True:
            seen = self.log.stat().st_size if self.log.exists() else 0
            code, printed = self.files.programs.run(
                binaries / "bin" / "pg_ctl", "start", "--silent", "--wait",
                f"--timeout={_START_WAIT}", "-D", self.data.name, "-l", self.log.name,
                timeout=_START_WAIT + 10,
            )  # fmt: skip
            if code == 0 and self._answers():
                break
            tail = self._tail(seen) or printed or f"nothing (exit code {code})"
            if known.get("port") and "Address already in use" in tail:
                raise PortTaken(port=known["port"])
            # After a kill of the server its children need a moment to notice.
            if "shared memory block" in tail and time.monotonic() < deadline:
                time.sleep(0.2)
                continue
            raise ServerNotStarted(folder=self.folder, log=self.log, detail=tail)
        if known.get("port"):
            self._set_password()

    def _tail(self, since: int) -> str:
        try:
            with self.log.open("rb") as log:
                log.seek(since)
                lines = log.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-8:])

    def _set_password(self) -> None:
        if not self.files.password.exists():
            self.files.write(self.files.password.name, secrets.token_urlsafe(24))
        password = self.files.password.read_text().strip()
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
        known = self.files.remembered()
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
        started = time.monotonic()
        while True:
            try:
                self._connect().close()
            except psycopg2.OperationalError as error:
                message = str(error)
                if "too many clients" in message or "connection slots" in message:
                    return True
                recovering = re.search("starting up|recovery|not yet accepting", message)
                limit = _START_WAIT if recovering and patience else patience
                if time.monotonic() - started >= limit:
                    return False
                time.sleep(0.1)
            else:
                return True


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                raise PortTaken(port=port) from None
            raise
