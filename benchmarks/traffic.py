"""An existing platform, full, and processes that use it as its users and its services do."""

from __future__ import annotations

import hashlib
import itertools
import json
import multiprocessing
import random
import time
import uuid
from array import array
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Event
from typing import Any, NamedTuple

import psycopg2

WORKSPACES = 100
"""The first one is left to the transaction that stays open, so that nobody waits for its row."""

VECTORS = 100
"""Different embeddings; every document has one of them."""

TABLES = """
create table public.workspaces (
  id uuid primary key default gen_random_uuid(),
  name text not null,
  created_at timestamptz not null default now()
);
create table public.workspace_members (
  id uuid primary key default gen_random_uuid(),
  workspace_id uuid not null references public.workspaces (id),
  user_id uuid not null references auth.users (id),
  role text not null default 'member',
  created_at timestamptz not null default now(),
  unique (workspace_id, user_id)
);
create table public.documents (
  id uuid primary key default gen_random_uuid(),
  workspace_id uuid not null references public.workspaces (id),
  user_id uuid references auth.users (id),
  title text not null,
  content text,
  metadata jsonb not null default '{}',
  embedding extensions.vector(1536),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create table public.document_chunks (
  id uuid primary key default gen_random_uuid(),
  document_id uuid not null references public.documents (id) on delete cascade,
  chunk_index integer not null,
  content text not null,
  created_at timestamptz not null default now(),
  unique (document_id, chunk_index)
);
create table public.pdf_documents (
  id uuid primary key default gen_random_uuid(),
  workspace_id uuid not null references public.workspaces (id),
  user_id uuid references auth.users (id),
  filename text not null,
  file_size bigint,
  created_at timestamptz not null default now()
);
"""

# An id is the hash of what and which: in no order, as random ones are, and known everywhere.
ROWS = """
insert into auth.users (id)
  select md5('user ' || n)::uuid from generate_series(0, {workspaces} - 1) n;
insert into public.workspaces (id, name)
  select md5('workspace ' || n)::uuid, 'Workspace ' || n
  from generate_series(0, {workspaces} - 1) n;
insert into public.workspace_members (workspace_id, user_id, role)
  select md5('workspace ' || n)::uuid, md5('user ' || n)::uuid, 'owner'
  from generate_series(0, {workspaces} - 1) n;
create temporary table pool as
  select n, (select array_agg(sin(i * (n + 1) + i)::real) from generate_series(1, 1536) i)
    ::extensions.vector as embedding
  from generate_series(0, {vectors} - 1) n;
insert into public.documents
  (id, workspace_id, user_id, title, content, embedding, created_at, updated_at)
  select md5('document ' || d)::uuid, md5('workspace ' || d % {workspaces})::uuid,
    md5('user ' || d % {workspaces})::uuid, 'Document ' || d,
    'Document ' || d || repeat(' of the platform', 40), pool.embedding, v.at, v.at
  from generate_series(0, {documents} - 1) d
  cross join lateral (select now() - make_interval(secs => {documents} - d) as at) v
  join pool on pool.n = d % {vectors};
insert into public.document_chunks (id, document_id, chunk_index, content)
  select md5('chunk ' || n)::uuid, md5('document ' || n / 2)::uuid, n % 2,
    'Chunk ' || n || repeat(' of the document', 20)
  from generate_series(0, {documents} * 2 - 1) n;
insert into public.pdf_documents (id, workspace_id, user_id, filename, file_size, created_at)
  select md5('pdf ' || n)::uuid, md5('workspace ' || n % {workspaces})::uuid,
    md5('user ' || n % {workspaces})::uuid, n || '.pdf', n,
    now() - make_interval(secs => {documents} - n)
  from generate_series(0, {documents} / 2 - 1) n;
create index documents_newest on public.documents (workspace_id, created_at);
create index pdf_documents_newest on public.pdf_documents (workspace_id, created_at);
"""

RULES = """
alter table public.workspaces enable row level security;
alter table public.workspace_members enable row level security;
alter table public.documents enable row level security;
alter table public.document_chunks enable row level security;
alter table public.pdf_documents enable row level security;
create policy "Own memberships" on public.workspace_members to authenticated
  using (user_id = (select auth.uid()));
create policy "Own workspaces" on public.workspaces to authenticated
  using (id in (select workspace_id from public.workspace_members));
create policy "Members" on public.documents to authenticated
  using (workspace_id in (select workspace_id from public.workspace_members));
create policy "Members" on public.pdf_documents to authenticated
  using (workspace_id in (select workspace_id from public.workspace_members));
create policy "Members" on public.document_chunks to authenticated
  using (exists (select from public.documents d where d.id = document_id));
grant usage on schema public to anon, authenticated, service_role;
grant all on all tables in schema public to anon, authenticated, service_role;
"""


def known(what: str, number: int) -> str:
    """The id of a row that the platform had from the beginning."""
    digest = hashlib.md5(f"{what} {number}".encode(), usedforsecurity=False)
    return str(uuid.UUID(digest.hexdigest()))


def fill(cursor: Any, documents: int) -> None:
    """Make the tables, rows and rules: twice as many chunks as documents, half as many PDFs."""
    cursor.execute("create extension vector with schema extensions")
    cursor.execute(TABLES)
    cursor.execute(ROWS.format(documents=documents, workspaces=WORKSPACES, vectors=VECTORS))
    cursor.execute(RULES)
    cursor.execute("vacuum analyze")
    cursor.execute("checkpoint")


class Request(NamedTuple):
    """What a user asks; each has at least one row to find, to write or to delete."""

    name: str
    workspace: int
    statement: str
    values: tuple[Any, ...]


Requests = Generator[Request, bool, None]


@dataclass(frozen=True)
class Client:
    """A connection of the API that sends one request after the other.

    Attributes:
        number: Which of the clients; two writers never write the same row.
        role: API role of its requests.
        writes: Whether it writes.
        documents: How many the platform had from the beginning.
        pause: Seconds between two requests.
    """

    number: int
    role: str
    writes: bool
    documents: int
    pause: float

    @property
    def name(self) -> str:
        """What the server knows the connection as."""
        return f"{'writer' if self.writes else 'reader'} as {self.role}"

    def requests(self) -> Requests:
        """Without end; it is told whether each was answered as it should be."""
        chance = random.Random(self.number)  # noqa: S311 - which row comes next, no secret
        return self._writes(chance) if self.writes else self._reads(chance)

    def begin(self, workspace: int) -> tuple[str, tuple[str]]:
        """How the API opens the transaction of a request."""
        claims = {
            "sub": known("user", workspace),
            "workspace_id": known("workspace", workspace),
            "role": self.role,
        }
        return (
            f"begin; set local role {self.role}; select set_config('request.jwt.claims', %s, true)",
            (json.dumps(claims),),
        )

    def _row(self, chance: random.Random, rows: int) -> int:
        """A row of this client's, of no workspace but its own half of them."""
        while True:
            number = chance.randrange(rows)
            if number % WORKSPACES and number % 2 == self.number % 2:
                return number

    def _reads(self, chance: random.Random) -> Requests:
        while True:
            number = self._row(chance, self.documents // 2)
            place = number % WORKSPACES
            document, workspace = known("document", number), known("workspace", place)
            newest = "where workspace_id = %s order by created_at desc limit 20"
            for name, statement, value in (
                (
                    "read a document",
                    "select id, title, content from public.documents where id = %s",
                    document,
                ),
                (
                    "page through documents",
                    f"select id, title, created_at from public.documents {newest}",
                    workspace,
                ),
                (
                    "read chunks",
                    (
                        "select id, content from public.document_chunks where document_id = %s"
                        " order by chunk_index"
                    ),
                    document,
                ),
                (
                    "page through PDFs",
                    f"select id, filename, created_at from public.pdf_documents {newest}",
                    workspace,
                ),
                (
                    "read a membership",
                    (
                        "select m.role, w.name from public.workspaces w"
                        " join public.workspace_members m on m.workspace_id = w.id where w.id = %s"
                    ),
                    workspace,
                ),
            ):
                yield Request(name, place, statement, (value,))

    def _writes(self, chance: random.Random) -> Requests:
        own: deque[tuple[int, str, str]] = deque()
        vector = "[" + ",".join(f"{chance.gauss(0, 1):.6f}" for _ in range(1536)) + "]"
        new = "(id, workspace_id, user_id,"
        for turn in itertools.count():
            number = self._row(chance, self.documents // 2)
            place = number % WORKSPACES
            whose = known("workspace", place), known("user", place)
            document, pdf = str(uuid.uuid4()), str(uuid.uuid4())
            inserted = yield Request(
                "insert a document",
                place,
                f"insert into public.documents {new} title, content, embedding)"
                " values (%s, %s, %s, 'New', %s, %s::extensions.vector)",
                (document, *whose, "new text " * 60, vector),
            )
            if not inserted:
                continue
            yield Request(
                "insert chunks",
                place,
                "insert into public.document_chunks (document_id, chunk_index, content)"
                " values (%s, 0, 'first'), (%s, 1, 'second')",
                (document, document),
            )
            inserted = yield Request(
                "insert a PDF",
                place,
                f"insert into public.pdf_documents {new} filename) values (%s, %s, %s, 'new.pdf')",
                (pdf, *whose),
            )
            for name, table, what, column in (
                ("update a document", "documents", "document", "title"),
                ("update a chunk", "document_chunks", "chunk", "content"),
                ("update a PDF", "pdf_documents", "pdf", "filename"),
            ):
                # Both chunks of a document are of its workspace.
                row = known(what, number * 2 if what == "chunk" else number)
                yield Request(
                    name,
                    place,
                    f"update public.{table} set {column} = %s where id = %s",
                    (f"Edited {turn}", row),
                )
            if inserted:
                own.append((place, document, pdf))
            if len(own) > 20:
                place, document, pdf = own.popleft()
                for name, table, row in (
                    ("delete a document", "documents", document),
                    ("delete a PDF", "pdf_documents", pdf),
                ):
                    yield Request(name, place, f"delete from public.{table} where id = %s", (row,))


class Failure(NamedTuple):
    """A request that was refused, or found nothing where a row is."""

    request: int
    sqlstate: str
    message: str


@dataclass
class Log:
    """What a client has seen; times by the clock of the machine, in seconds.

    Attributes:
        client: Who.
        pid: Its process on the server.
        names: Requests by number.
        requests: Begin, end and number of the name of each request, one after the other.
        failures: Those that were not answered as they should be, by their place in `requests`.
    """

    client: Client
    pid: int
    names: list[str]
    requests: array[float]
    failures: list[Failure]


def use(client: Client, url: str, stop: Event, pipe: Pipe) -> None:
    """Say that the connection is there, send requests until told to stop, hand the log over."""
    connection = psycopg2.connect(url, application_name=client.name)
    connection.autocommit = True  # the transactions are ours
    log = Log(client, connection.info.backend_pid, [], array("d"), [])
    numbers: dict[str, int] = {}
    requests = client.requests()
    request = next(requests)
    pipe.send(client.name)
    with connection.cursor() as cursor:
        while not stop.is_set():
            refusal = None
            start = time.monotonic()
            try:
                cursor.execute(*client.begin(request.workspace))
                cursor.execute(request.statement, request.values)
                if cursor.rowcount < 1:
                    refusal = "none", "no row, where there is one"
                cursor.execute("commit")
            except psycopg2.Error as error:
                refusal = error.pgcode or "lost", " ".join(str(error).split())
                cursor.execute("rollback")
            if refusal:
                log.failures.append(Failure(len(log.requests) // 3, *refusal))
            number = numbers.setdefault(request.name, len(numbers))
            log.requests.extend((start, time.monotonic(), number))
            request = requests.send(refusal is None)
            time.sleep(client.pause)
    log.names.extend(numbers)
    connection.close()
    pipe.send(log)


class Sight(NamedTuple):
    """A slow statement of a client, or a waiting one of the chain, and what it waited for."""

    at: float
    pid: int
    wait: str
    blocked_on: str | None
    blocker: str | None
    blocking_locks: str | None
    blocking_statement: str | None


WATCH = """
select a.pid, coalesce(a.wait_event_type || ' ' || a.wait_event, 'no wait'),
  w.mode || ' on ' || coalesce(w.relation::regclass::text, w.locktype),
  coalesce(nullif(b.application_name, ''), b.backend_type)
    || case b.wait_event_type when 'Client' then ', between two statements,'
      else coalesce(', itself waiting for ' || b.wait_event_type || ' ' || b.wait_event, '') end,
  (select string_agg(distinct l.mode || case when l.granted then '' else ' (awaited)' end, ', ')
   from pg_locks l where l.pid = b.pid and l.relation = w.relation),
  b.query
from pg_stat_activity a
left join lateral (
  select mode, relation, locktype from pg_locks where pid = a.pid and not granted limit 1
) w on a.wait_event_type = 'Lock'
left join lateral unnest(pg_blocking_pids(a.pid)) blocking on a.wait_event_type = 'Lock'
left join pg_stat_activity b on b.pid = blocking
where a.state = 'active' and (
  a.application_name ~ '^(reader|writer) as '
  and (a.wait_event_type = 'Lock' or clock_timestamp() - a.query_start > '20 ms')
  or a.application_name = 'mivaa-schema' and a.wait_event_type = 'Lock'
)
"""


def watch(url: str, interval: float, stop: Event, pipe: Pipe) -> None:
    """Look again and again at what slow statements wait for."""
    connection = psycopg2.connect(url, application_name="watcher")
    connection.autocommit = True
    seen: list[Sight] = []
    pipe.send("watcher")
    with connection.cursor() as cursor:
        while not stop.wait(interval):
            cursor.execute(WATCH)
            now = time.monotonic()
            seen.extend(Sight(now, *row) for row in cursor.fetchall())
    connection.close()
    pipe.send(seen)


class Traffic:
    """Clients, each a process of its own, and one that watches them."""

    def __init__(self, url: str, clients: list[Client], interval: float = 0.01) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._stop = self._context.Event()
        self._pipes: list[Pipe] = []
        self._processes: list[Any] = []
        for client in clients:
            self._start(use, client, url)
        self._start(watch, url, interval)
        for pipe in self._pipes:
            pipe.recv()  # connected

    def _start(self, work: Callable[..., None], *arguments: Any) -> None:
        receive, send = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=work, args=(*arguments, self._stop, send), daemon=True
        )
        process.start()
        send.close()
        self._pipes.append(receive)
        self._processes.append(process)

    def end(self) -> tuple[list[Log], list[Sight]]:
        """Stop everybody and collect what they have seen."""
        self._stop.set()
        *logs, seen = [pipe.recv() for pipe in self._pipes]
        for process in self._processes:
            process.join()
        return logs, seen


__all__ = ["Client", "Failure", "Log", "Sight", "Traffic", "fill", "known"]
