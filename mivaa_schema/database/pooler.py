"""Transaction poolers: the addresses that lead through one are found, and refused."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import exc
from sqlalchemy.engine import URL, Connection

from mivaa_schema.database import connect, explain, plain_engine, server_name
from mivaa_schema.errors import MivaaError

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROUNDS = 5

_ANYWHERE = (
    "on Supabase that is port 5432 instead of 6543, on Neon the host without `-pooler`, with"
    " PgBouncer an entry with pool_mode = session"
)
# host, port (None is any), remedy: addresses of poolers, as their providers document them.
_KNOWN: tuple[tuple[str, str | None, str], ...] = (
    (r".*\.supabase\.(com|co|net|red)", "6543", "the same address with port 5432 instead of 6543"),
    (r".*-pooler\..*\.neon\.tech", None, "the same address with a host without `-pooler`"),
)

_DECLARED = {
    "pgbouncer": ("true", "1", "yes", "on"),
    "pool_mode": ("transaction", "statement"),
}


class TransactionPooler(MivaaError):
    """The address {server} leads through a transaction pooler: {reason}.
    Behind one, a connection has no session of its own, so the lock that keeps upgrades apart and
    the bounds of their waits would not hold. Nothing was changed. Use the direct address, or a
    session pooler: {remedy}. If connections do keep their session there, say so with
    `-x pooler=session` (or MIVAA_POOLER=session).
    """


def refuse_transaction_pooler(url: URL, setting: str = "auto") -> None:
    """Refuse an address behind which a connection does not keep its session.

    The setting decides, then the address. If neither says anything, two connections at a time are
    compared, and nothing is set or changed there. That is best effort: a pooler that happens to
    serve both as a session pooler would is not found. A direct connection and a session pooler are
    never refused.

    Call it before any other session: each session of `database.create_engine` sets its search
    path, which a transaction pooler would pass on to other clients.

    Args:
        url: the address as `database.database_url` reads it, with hints about a pooler.
        setting: `auto`, `direct`, `session` or `transaction`.

    Raises:
        TransactionPooler: there is one; the reason says how it was found.
        MivaaError: the database cannot be reached.
    """
    if setting in ("direct", "session"):
        return
    found: tuple[str, str] | None
    if setting == "transaction":
        found = "`-x pooler=transaction` (or MIVAA_POOLER) says so", _ANYWHERE
    else:
        found = declared(url) or _observed(url)
    if found:
        raise TransactionPooler(server=server_name(url), reason=found[0], remedy=found[1])


def declared(url: URL) -> tuple[str, str] | None:
    """What the address itself says: reason and remedy, if it is to be refused."""
    for name, words in _DECLARED.items():
        word = str(url.query.get(name, "")).strip().lower()
        if word in words:
            return f"the address says so (`{name}={word}`)", _ANYWHERE
    for host, port in _places(url):
        for pattern, known_port, remedy in _KNOWN:
            if re.fullmatch(pattern, host.lower()) and known_port in (None, port):
                return "its host and port are known for it", remedy
    return None


def _places(url: URL) -> Iterator[tuple[str, str]]:
    """Hosts and ports; libpq takes lists of them, where one port can serve all hosts."""
    hosts = (url.host or str(url.query.get("host", ""))).split(",")
    ports = str(url.port or url.query.get("port", "")).split(",")
    return itertools.zip_longest(hosts, ports, fillvalue=ports[0])


def _observed(url: URL) -> tuple[str, str] | None:
    """Ask which server process serves whom: reason and remedy, if the address is to be refused.

    A connection that stays open keeps its process, and nobody else is served by that one. A
    transaction pooler gives each transaction to a process that is free: the last one that became
    free (then two connections get the same), or the one that is free for longest, or, under load,
    any (then a connection's process changes). Each round opens a new connection, for poolers that
    remember who was served by whom.

    All queries run outside of transactions. So none waits for a process that another connection
    of ours holds, however small the pool is, and poolers of single statements are found too.
    """
    # Looking for the type hstore, SQLAlchemy would begin a transaction.
    engine = plain_engine(url, isolation_level="AUTOCOMMIT", use_native_hstore=False)
    try:
        with connect(engine) as kept:
            process = _process(kept)
            for _ in range(_ROUNDS):
                with connect(engine) as new:
                    second = _process(new)
                    if second == process:
                        shared = f"two connections at once had one server process ({second[0]})"
                        return shared, _ANYWHERE
                    for connection, before in ((new, second), (kept, process)):
                        now = _process(connection)
                        if now != before:
                            changed = f"first {before[0]}, then {now[0]}"
                            return f"one connection had two server processes ({changed})", _ANYWHERE
    except exc.DBAPIError as error:
        raise explain(error, engine.url) from error
    return None


def _process(connection: Connection) -> tuple[int, Any]:
    """Number and start of a server process: the number alone can occur on another host too."""
    sql = "select pid, backend_start from pg_stat_activity where pid = pg_backend_pid()"
    number, start = connection.exec_driver_sql(sql).one()
    return number, start
