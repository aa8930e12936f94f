"""What the schema is for, each checked on the stage."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from examples.demo.existing_platform import Workspace
from examples.demo.passages import Passage, cosine, literal, nearest, noisy
from examples.demo.stage import MATCHES, Stage, acting, as_user, refusal, search
from mivaa_schema.models import DIMENSIONS
from mivaa_schema.models.workspace_member import ROLES

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

WRITERS = ("owner", "admin", "editor")
COMMANDS = ("select", "insert", "update", "delete")
RECALL = 0.97

_REFUSED = "42501"


@dataclass(frozen=True, slots=True)
class Check:
    """What should be, whether it is, and what was found."""

    text: str
    passed: bool
    found: str


def finds_each_passage(stage: Stage) -> Check:
    """Ask for passages in other words, while half of them have only their former embedding."""
    asked = first = 0
    versions: dict[str, int] = {}
    for workspace in stage.workspaces:
        wanted = sample(workspace.passages, 10)
        with as_user(stage, workspace, "viewer") as connection:
            for passage in stage.progress(wanted, f"questions in {workspace.name}"):
                elsewhere = workspace.passages[workspace.passages.index(passage) - 30]
                query = noisy(passage.vector, elsewhere.vector)
                found = search(connection, query, legacy=query)
                asked += 1
                # Each of the two spaces has a best match of its own; ranks decide between them.
                for row in found[:2]:
                    if row.id == workspace.chunk(passage):
                        first += 1
                        versions[row.embedding_version] = versions.get(row.embedding_version, 0) + 1
    through = ", ".join(f"{count} through {name}" for name, count in sorted(versions.items()))
    return Check(
        "a passage is found through whichever embedding it has",
        first == asked and len(versions) == 2,
        f"{first} of {asked} ({through})",
    )


def finds_what_is_near(stage: Stage) -> tuple[Check, Check]:
    """Ask with passages of other workspaces, and compare with every passage of the own one."""
    hits = expected = first = questions = foreign = nearer_elsewhere = 0
    stage.say("")
    for number, workspace in enumerate(stage.workspaces):
        others = [p for w in stage.workspaces if w is not workspace for p in w.passages]
        own = {workspace.chunk(p) for p in workspace.passages}
        asked = sample(others, 8)
        with as_user(stage, workspace, "viewer") as connection:
            for question in stage.progress(asked, f"questions in {workspace.name}"):
                found = search(connection, question.vector)
                ids = [row.id for row in found]
                right = nearest(workspace.passages, question.vector, MATCHES)
                hits += len({workspace.chunk(p) for p in right}.intersection(ids))
                first += ids[:1] == [workspace.chunk(right[0])]
                foreign += len(set(ids) - own)
                bound = cosine(right[-1].vector, question.vector)
                nearer_elsewhere += sum(
                    cosine(p.vector, question.vector) > bound for p in others if p is not question
                )
            expected += len(asked) * min(MATCHES, len(own))
            questions += len(asked)
            example = asked[number + 1]
            (answer,) = search(connection, example.vector, count=1)
        stage.say(f'    "{example.text}"')
        stage.say(f'    {answer.similarity:.2f}  "{answer.content}"')
    return (
        Check(
            f"search finds the {MATCHES} nearest passages of the workspace",
            hits >= RECALL * expected and first >= RECALL * questions,
            f"{hits} of {expected} in {questions} questions, {first} times the nearest first",
        ),
        Check(
            "no passage of another workspace is found",
            foreign == 0,
            f"{foreign} of the {nearer_elsewhere} that would have been nearer",
        ),
    )


def progress_adds_up(stage: Stage) -> Check:
    """Read how far the embeddings are, as a user and as the owner."""
    sql = "select total_records, migrated_records from public.get_embedding_migration_progress()"
    workspace = stage.workspaces[0]
    sql += " where table_name = 'document_chunks'"
    with stage.owner.connect() as connection:
        everything = tuple(connection.exec_driver_sql(sql).one())
    with as_user(stage, workspace, "viewer") as connection:
        own = tuple(connection.exec_driver_sql(sql).one())
    total, share = len(stage.passages), len(workspace.passages)
    return Check(
        "progress counts the own workspace for users and everything for the owner",
        everything == (total, total) and own == (share, share),
        f"{own[1]} of {own[0]} in {workspace.name}, {everything[1]} of {everything[0]} in all",
    )


def roles_hold(stage: Stage) -> Check:
    """Let a member of each role try each command on a document of the workspace."""
    workspace = stage.workspaces[0]
    wrong = []
    stage.say(f"    {'':8}" + "".join(f"{name:>8}" for name in COMMANDS))
    for role in ROLES:
        cells = []
        for name in COMMANDS:
            with as_user(stage, workspace, role) as connection:
                may = _may(connection, name, workspace, workspace.member(role))
            cells.append("yes" if may else "-")
            if may != (name == "select" or role in WRITERS):
                wrong.append(f"{role} {name}")
        stage.say(f"    {role:8}" + "".join(f"{cell:>8}" for cell in cells))
    cases = len(ROLES) * len(COMMANDS)
    return Check(
        "roles that only read change nothing",
        not wrong,
        f"{cases} cases as they should be" if not wrong else f"wrong: {', '.join(wrong)}",
    )


def _may(connection: Connection, name: str, workspace: Workspace, user: uuid.UUID) -> bool:
    statement = {
        "select": "select 1 from public.documents where workspace_id = :workspace",
        "insert": "insert into public.documents (workspace_id, user_id, title)"
        " values (:workspace, :user, 'New')",
        "update": "update public.documents set title = 'New' where workspace_id = :workspace",
        "delete": "delete from public.documents where workspace_id = :workspace",
    }[name]
    values = {"workspace": workspace.id, "user": user}
    if refusal(connection, statement, **values):
        return False
    result = connection.execute(sa.text(statement), values)
    return (len(result.all()) if name == "select" else result.rowcount) > 0


def refusals(stage: Stage) -> Iterator[Check]:
    """Try what nobody may do."""
    here, there = stage.workspaces[:2]
    search_in = (
        "select * from public.search_document_chunks_hybrid("
        "cast(:query as vector), workspace_id_param => cast(:there as uuid))"
    )
    query = {"query": literal(here.passages[0].vector, DIMENSIONS), "there": there.id}
    with as_user(stage, here, "owner") as connection:
        state = refusal(connection, search_in, **query)
        yield _refused(f"an owner of {here.name} who searches in {there.name}", state)
        yield _sees_nothing(
            f"an owner of {here.name} who looks into {there.name}", connection, there
        )
    with as_user(stage, there, "owner", user=here.member("owner")) as connection:
        yield _sees_nothing(f"a token that claims {there.name}", connection, there)
    with acting(stage.api, "anon", {"role": "anon"}) as connection:
        yield _refused(
            "who reads without signing in", refusal(connection, "select * from public.documents")
        )
        state = refusal(connection, search_in, **query)
        yield _refused("who searches without signing in", state)
    with as_user(stage, here, "viewer") as connection:
        state = refusal(connection, "truncate public.documents")
        yield _refused("a viewer who empties the table", state)


def _sees_nothing(who: str, connection: Connection, workspace: Workspace) -> Check:
    rows = connection.execute(
        sa.text("select count(*) from public.document_chunks where workspace_id = :workspace"),
        {"workspace": workspace.id},
    ).scalar_one()
    return Check(who, rows == 0, f"sees {rows} passages")


def _refused(who: str, sqlstate: str | None) -> Check:
    return Check(who, sqlstate == _REFUSED, f"refused ({sqlstate})" if sqlstate else "let in")


def sample(passages: Sequence[Passage], count: int) -> list[Passage]:
    """So many passages, evenly spread over all topics."""
    return [passages[n * len(passages) // count] for n in range(count)]
