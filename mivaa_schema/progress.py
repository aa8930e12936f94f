"""What a long statement of the chain is doing: how far an index is built, and whom it waits for."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from typing import TYPE_CHECKING, Any

from sqlalchemy import exc, text
from tqdm import tqdm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection, Engine, RowMapping

LOOK_EVERY = 0.5
"""Seconds between two looks at the server."""

SAY_EVERY = 60.0
"""Seconds after which something that still holds is said again, where there is no bar."""

_log = logging.getLogger("alembic.runtime.migration")


@contextlib.contextmanager
def shown(engine: Engine, connection: Connection) -> Iterator[None]:
    """Show, as long as the block runs, what the statements of a connection are doing.

    A second connection looks. It holds no transaction between two looks, so that no index build
    waits for it; and where it cannot look, the work goes on unseen.

    Args:
        engine: For the second connection.
        connection: The one that works; no transaction is left open on it here.
    """
    process = connection.exec_driver_sql("select pg_backend_pid()").scalar_one()
    connection.commit()
    done = threading.Event()
    thread = threading.Thread(
        target=_watch, args=(engine, process, done), name="progress", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _watch(engine: Engine, process: int, done: threading.Event) -> None:
    display = Display()
    # Most runs are over before the first look and need no second connection.
    if done.wait(LOOK_EVERY):
        return
    with contextlib.suppress(exc.SQLAlchemyError), engine.connect() as connection:
        looking = connection.execution_options(isolation_level="AUTOCOMMIT")
        while not done.wait(LOOK_EVERY):
            row = looking.execute(text(_DOING), {"process": process}).mappings().first()
            display.show(row or {})
    display.close()


class Display:
    """A bar on a terminal, lines of the log elsewhere.

    Args:
        terminal: Where a bar is drawn; standard error, if that is a terminal, without it.
    """

    def __init__(self, terminal: Any = None) -> None:
        self._terminal = terminal or (sys.stderr if sys.stderr.isatty() else None)
        self._bar: tqdm[Any] | None = None
        self._phase: tuple[str, ...] = ()
        self._looks: dict[tuple[str, ...], int] = {}

    def show(self, row: RowMapping | dict[str, Any]) -> None:
        """Show one look: ``index``, ``phase``, ``done``, ``total`` and ``blockers``, or nothing."""
        if row.get("blockers"):
            # A moment of waiting is nothing to speak of.
            self._say("waits for " + row["blockers"], key=("blockers", row["blockers_id"]), after=2)
        if not row.get("phase"):
            self.close()
            return
        if (row["index"], row["phase"]) != self._phase:
            self.close()
            self._phase = (row["index"], row["phase"])
        what = f"{row['index']}: {row['phase']}"
        if not row["total"]:
            return
        if self._terminal is None:
            share = row["done"] / row["total"]
            self._say(f"{what}, {share:.0%}", key=(row["index"], row["phase"]), after=20)
            return
        if self._bar is None:
            self._bar = tqdm(
                total=row["total"], desc=what, unit=row["unit"], file=self._terminal, leave=False,
                dynamic_ncols=True, initial=row["done"],
            )  # fmt: skip
        self._bar.total = row["total"]
        self._bar.update(row["done"] - self._bar.n)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        self._phase = ()

    def _say(self, message: str, key: tuple[str, ...], after: int) -> None:
        """Say something that has held for so many looks, and again when it has not ended."""
        looks = self._looks[key] = self._looks.get(key, 0) + 1
        if (looks - after) % round(SAY_EVERY / LOOK_EVERY) == 0:
            _log.info("%s", message)


_DOING = """
select
  coalesce(c.relname, 'an index') as index,
  p.phase,
  coalesce(nullif(p.tuples_total, 0), p.blocks_total) as total,
  case when p.tuples_total > 0 then p.tuples_done else p.blocks_done end as done,
  case when p.tuples_total > 0 then ' rows' else ' pages' end as unit,
  b.blockers_id,
  coalesce(p.phase || ', ', '') || b.blockers as blockers
from pg_catalog.pg_stat_activity a
left join pg_catalog.pg_stat_progress_create_index p on p.pid = a.pid
left join pg_catalog.pg_class c on c.oid = p.index_relid
left join lateral (
  select string_agg(o.pid::text, ' ' order by o.pid) as blockers_id, string_agg(
    format('process %s (%s), in a transaction for %s s, last query: %s', o.pid,
      coalesce(nullif(o.application_name, ''), 'no application name'),
      round(extract(epoch from clock_timestamp() - o.xact_start)),
      regexp_replace(left(o.query, 200), '\\s+', ' ', 'g')), '; ' order by o.xact_start
  ) as blockers
  from pg_catalog.pg_stat_activity o where o.pid = any (pg_blocking_pids(a.pid))
) b on a.wait_event_type = 'Lock'
where a.pid = :process
"""
