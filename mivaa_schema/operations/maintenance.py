"""Statistics, and values for columns that the chain has added."""

from __future__ import annotations

from mivaa_schema.operations.ledger import recorded
from mivaa_schema.operations.sql import block, run, when
from mivaa_schema.operations.timeouts import patient

BATCH = 500
"""Rows a transaction: enough to be quick, few enough that nobody waits long for a row."""

TRIES = 100
"""How often a batch is tried in which a user holds a row."""


def analyze(*tables: str) -> None:
    """Let the planner see the tables as they are; must stand in an autocommit block.

    It stops nobody, so it may wait until autovacuum has given way.
    """
    with patient():
        for table in tables:
            run(f"analyze {table}")


def fill_chunk_workspaces() -> None:
    """Give chunks the workspace of their document, where the chain added the column.

    In batches, each committed: must stand in an autocommit block. A batch in which a user holds a
    row lets its rows go and waits for a moment. A value in a column that was there before is never
    changed, not even a null: the platform's own triggers fire, but ours comes last, and under the
    setting ``mivaa.filling`` it puts back everything but the workspace.
    """
    fill = f"""\
loop
  perform set_config('mivaa.filling', 'on', true);
  begin
    with batch as (
      select c.id, c.document_id from public.document_chunks c
      where c.id > v_last order by c.id limit {BATCH}
    ), filled as (
      update public.document_chunks c set workspace_id = d.workspace_id
      from batch b join public.documents d on d.id = b.document_id
      where c.id = b.id and c.workspace_id is null and d.workspace_id is not null
    )
    select b.id into v_next from batch b order by b.id desc limit 1;
    v_tries := 0;
  exception when lock_not_available or deadlock_detected then
    v_tries := v_tries + 1;
    if v_tries > {TRIES} then
      raise;
    end if;
  end;
  commit;
  if v_tries > 0 then
    perform pg_sleep(0.05 + random() / 10);
  else
    exit when v_next is null;
    v_last := v_next;
  end if;
end loop;"""
    condition = recorded("column", "public.document_chunks.workspace_id")
    run(
        block(
            when(condition, fill),
            declare="v_last uuid := '00000000-0000-0000-0000-000000000000';\n"
            "v_next uuid;\nv_tries integer := 0;",
        )
    )
