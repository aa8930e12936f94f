"""Every check of the demo passes on a real database, and fails where something is broken."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from click.testing import CliRunner, Result
from sqlalchemy.engine import Engine

from examples import demo
from examples.demo import existing_platform, passages
from examples.demo.__main__ import main
from examples.demo.checks import Check
from examples.demo.passages import Passage
from examples.demo.stage import Stage
from fixtures.clusters import both_majors
from fixtures.databases import Database
from mivaa_schema.server import EmbeddedServer

MORE = Path(__file__).parents[1] / "data" / "passages"

SPOIL = """
create function public.spoil() returns trigger language plpgsql as $$
begin
  new.embedding_v2 := array_fill(0.5::real, array[768])::vector;
  return new;
end
$$;
create trigger a_spoil before update of embedding_v2 on public.document_chunks
for each row when (mod(new.chunk_index, 2) = 0) execute function public.spoil()
"""
"""Half of the passages get the same embedding, which says nothing."""


def stage_on(database: Database, shown: list[Passage]) -> Stage:
    return Stage(
        database.engine(),
        database.engine("authenticator"),
        existing_platform.share_out(shown, *demo.NAMES),
        lambda line: None,
        quiet=True,
    )


def failed(checks: list[Check]) -> list[str]:
    return [f"{check.text}: {check.found}" for check in checks if not check.passed]


@both_majors
def test_every_check_passes_for_an_owner_who_is_no_superuser(
    platform_database: Database,
) -> None:
    checks = demo.show(stage_on(platform_database, passages.shipped()))
    assert failed(checks) == []
    assert len(checks) == 12


def test_every_check_passes_with_many_more_passages(platform_database: Database) -> None:
    shown = [*passages.shipped(), *passages.load(MORE)]
    assert len(shown) > 1800
    assert failed(demo.show(stage_on(platform_database, shown))) == []


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (
            "alter table public.document_chunks disable row level security",
            ["who looks into South", "a token that claims South"],
        ),
        (
            "alter policy documents_update on public.documents using (true) with check (true)",
            ["roles that only read change nothing"],
        ),
        (SPOIL, ["search finds the 10 nearest", "a passage is found through whichever embedding"]),
        ("grant select on public.documents to anon", ["who reads without signing in"]),
        ("delete from public.document_chunks where chunk_index = 0", ["no row is lost"]),
    ],
    ids=["no isolation", "a wide policy", "spoilt embeddings", "a grant to anon", "lost rows"],
)
def test_a_failed_check_is_named(
    platform_database: Database, monkeypatch: pytest.MonkeyPatch, fault: str, named: list[str]
) -> None:
    upgrade = demo.upgrade

    def upgrade_with_a_fault(owner: Engine) -> None:
        upgrade(owner)
        with owner.begin() as connection:
            connection.exec_driver_sql(fault)

    monkeypatch.setattr(demo, "upgrade", upgrade_with_a_fault)
    found = failed(demo.show(stage_on(platform_database, passages.shipped()[::2])))
    for text in named:
        assert any(text in line for line in found), found


def test_padding_with_zeros_keeps_cosines() -> None:
    a, b = passages.shipped()[:2]
    padded = [[float(n) for n in passages.literal(p.vector, 768)[1:-1].split(",")] for p in (a, b)]
    assert [len(row) for row in padded] == [768, 768]
    assert passages.cosine(*padded) == pytest.approx(passages.cosine(a.vector, b.vector), abs=1e-6)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    made = Path(mkdtemp(prefix="mivaa-demo-"))
    made.chmod(0o755)
    yield made / ".mivaa"
    EmbeddedServer(made / ".mivaa").stop()
    shutil.rmtree(made)


@pytest.fixture
def run(home: Path) -> Callable[[], Result]:
    return lambda: CliRunner().invoke(main, ["--home", str(home)])


def test_the_command_prints_its_steps_and_ends_with_0(run: Callable[[], Result]) -> None:
    done = run()
    assert done.exit_code == 0, done.output
    assert "12 of 12 checks passed" in done.stdout
    assert "FAILED" not in done.stdout
    assert 'Look around: psql "postgresql://' in done.stdout


def test_the_command_ends_with_1_where_a_check_fails(
    run: Callable[[], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    check = Check("nothing is lost", passed=False, found="a row")
    upgraded = demo.upgraded

    def upgraded_badly(stage: Stage, before: dict[str, int]) -> Check:
        upgraded(stage, before)
        return check

    monkeypatch.setattr(demo, "upgraded", upgraded_badly)
    done = run()
    assert done.exit_code == 1
    assert "[FAILED] nothing is lost: a row" in done.stdout
    assert "11 of 12 checks passed" in done.stdout


def test_a_database_of_that_name_that_is_somebodys_own_is_left_alone(
    run: Callable[[], Result], home: Path
) -> None:
    server = EmbeddedServer(home)
    server.start()
    engine = demo.database.create_engine(server.url())
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"drop database if exists {demo.DATABASE} with (force)")
        connection.exec_driver_sql(f"create database {demo.DATABASE}")
        connection.exec_driver_sql(f"comment on database {demo.DATABASE} is 'mine'")
        done = run()
        assert done.exit_code == 1
        assert "that the demo did not make" in done.stderr
        comment = "select shobj_description(oid, 'pg_database') from pg_database where datname = %s"
        assert connection.exec_driver_sql(comment, (demo.DATABASE,)).scalar_one() == "mine"
