"""After a restore that lost grants, one command closes everything again and says what it closed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from fixtures.clusters import SUPERUSER, both_majors
from fixtures.databases import OWNER, Database
from fixtures.drift import catalog_of, differences, found, psql, script
from fixtures.dump import program
from fixtures.existing_platform import run, scalar
from mivaa_schema import repair
from mivaa_schema.cli import main
from mivaa_schema.operations.sql import literal
from mivaa_schema.repair.errors import AccessLeft
from mivaa_schema.settings import Settings

ROLE = "outsider"
ANALYST = f"do $$ begin create role {ROLE}; exception when duplicate_object then end $$;"

OPEN = """
select format('%s %s on %s', r.rolname, a.privilege_type, c.oid::regclass)
from pg_class c, aclexplode(c.relacl) a left join pg_roles r on r.oid = a.grantee
where c.relnamespace in ('public'::regnamespace, 'mivaa'::regnamespace) and c.relkind = 'r'
  and coalesce(r.rolname, 'public') in ('anon', 'public')
union all
select format('%s EXECUTE %s', r.rolname, f.oid::regprocedure)
from pg_proc f, aclexplode(f.proacl) a left join pg_roles r on r.oid = a.grantee
where f.pronamespace in ('public'::regnamespace, 'mivaa'::regnamespace)
  and coalesce(r.rolname, 'public') in ('anon', 'public')
  and not exists (select from pg_depend d where d.objid = f.oid and d.deptype = 'e')
"""


def open_to_everybody(database: Database) -> list[str]:
    with database.owner() as connection:
        rows = connection.exec_driver_sql(OPEN, execution_options={"no_parameters": True})
        return sorted(rows.scalars())


def call(database: Database, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["repair", "access", *arguments, "--url", database.url(OWNER)])


def restored_without_privileges(source: Database, target: Database) -> None:
    """Restore a dump as its owner, into a database whose default privileges are generous."""
    run(
        target,
        "alter default privileges grant all on tables to anon, authenticated, service_role;"
        "alter default privileges grant all on functions to public, anon;"
        "create schema mivaa; grant usage on schema mivaa to public",
    )
    dump = subprocess.run(
        [
            *(program(source.major, "pg_dump"), "--dbname", source.url(SUPERUSER)),
            *("--no-privileges", "--no-owner", "--schema", "public", "--schema", "mivaa"),
        ],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    there = ("CREATE SCHEMA public", "CREATE SCHEMA mivaa", "COMMENT ON SCHEMA public")
    lines = [line for line in dump.stdout.splitlines() if not line.startswith(there)]
    psql(target, "\n".join(lines))


@both_majors
def test_a_restore_that_lost_grants_is_noticed_and_closed(
    head_database: Database,
    major: int,
    clone: Callable[[int, str], Database],
    platform_template: Callable[[int], str],
) -> None:
    restored = clone(major, platform_template(major))
    restored_without_privileges(head_database, restored)
    assert any(one.startswith("anon TRUNCATE on documents") for one in open_to_everybody(restored))

    listed = CliRunner().invoke(main, ["repair", "--url", restored.url(OWNER)]).stdout
    assert " to repair (restores grants, policies" in listed.splitlines()[0]
    looked = call(restored)
    closed = "  table public.documents: grant is DELETE, INSERT, "
    assert closed in looked.stdout
    assert open_to_everybody(restored)

    done = call(restored, "--apply")
    assert done.exit_code == 0, done.output
    assert closed in done.stdout
    assert "  function public.search_documents_hybrid(" in done.stdout
    assert done.stdout.splitlines()[-1] == "after: nothing to repair"
    assert open_to_everybody(restored) == []
    wrong = [
        line
        for line in differences(catalog_of(head_database), catalog_of(restored))
        if "acl" in line
    ]
    # The order of grants is the recorded one, but for the schema, whose owner made it by hand.
    assert wrong == []
    assert found(restored) == []
    assert call(restored, "--apply").stdout.splitlines() == [
        "before: nothing to repair",
        "after: nothing to repair",
    ]


def test_policies_and_row_level_security_come_back_with_the_grants(
    world_database: Database,
) -> None:
    run(
        world_database,
        "alter table public.documents disable row level security;"
        "drop policy documents_select on public.documents;"
        "alter policy document_chunks_select on public.document_chunks using (true);"
        "alter table public.documents alter column title set default 'not about access'",
    )
    done = call(world_database, "--apply")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "before: 3 to repair",
        "  table public.documents: row-level security is off, expected on: 1 to repair",
        "  policy documents_select on public.documents: missing: 1 to repair",
        next(line for line in done.stdout.splitlines() if "document_chunks_select" in line),
        "after: nothing to repair",
    ]
    assert found(world_database) == [
        "column public.documents.title: default is 'not about access'::text, expected nothing"
    ]


def test_what_takes_another_role_is_named_and_all_the_rest_is_closed(
    world_database: Database,
) -> None:
    run(
        world_database,
        f"{ANALYST} alter table public.pdf_documents owner to {ROLE}",
        superuser=True,
    )
    run(world_database, "grant select on public.documents to anon")
    done = call(world_database, "--apply")
    assert done.exit_code == 1
    # Refused before anything is changed: only the owner of every table repairs.
    assert "does not own public.pdf_documents" in done.stderr
    assert "owner is outsider, expected postgres" in "\n".join(found(world_database))
    run(world_database, "alter table public.pdf_documents owner to postgres", superuser=True)
    run(
        world_database,
        f"alter function mivaa.workspace_for(text) owner to {ROLE}",
        superuser=True,
    )
    done = call(world_database, "--apply")
    assert done.exit_code == 1
    assert "Not everything could be closed; the rest is done" in done.stderr
    assert f"mivaa.workspace_for(text): owner is {ROLE}, expected postgres" in done.stderr
    assert "documents" not in done.stderr.partition("Left is:")[2]
    assert open_to_everybody(world_database) == []
    psql(world_database, script(world_database), SUPERUSER)
    assert found(world_database) == []


@both_majors
def test_what_was_passed_on_is_closed_too(world_database: Database) -> None:
    run(
        world_database,
        f"{ANALYST} grant select on public.documents to authenticated with grant option;"
        f"set role authenticated; grant select on public.documents to {ROLE}; reset role;"
        "alter table public.documents force row level security",
        superuser=True,
    )
    done = call(world_database, "--apply")
    assert done.exit_code == 0, done.output
    assert found(world_database) == []


def test_a_reader_of_one_table_keeps_no_other_one_open(world_database: Database) -> None:
    run(
        world_database,
        "alter table public.documents disable row level security;"
        "grant select on public.document_chunks to anon",
    )
    settings = Settings(lock_retries=1, lock_timeout=0.1)
    with world_database.engine().connect() as reader:
        reader.exec_driver_sql("select count(*) from public.documents")
        with pytest.raises(AccessLeft) as left:
            repair.apply(world_database.engine(), repair.find("access"), repair.Options(), settings)
        reader.rollback()
    assert "Left is:\n  table public.documents: row-level security is off" in str(left.value)
    assert open_to_everybody(world_database) == []


@both_majors
def test_privileges_from_before_the_upgrade_stay_and_later_ones_go(
    existing_database: Database,
) -> None:
    """Whatever the role is called, and whatever another one is called."""
    names = ('"CORP\\bob"', '"nl\nx"', '"a b=r/postgres,zed"', "zed")
    for name in names:
        make = f"do $$ begin create role {name}; exception when duplicate_object then end $$"
        run(existing_database, make, superuser=True)
    for name in names[:3]:
        run(
            existing_database,
            f"grant select, insert on public.documents to {name};"
            f"grant select (id) on public.document_chunks to {name}",
        )
    existing_database.upgrade()
    assert found(existing_database) == []
    for name in names:
        run(
            existing_database,
            f"grant select, delete on public.documents to {name};"
            f"grant select (id, content) on public.document_chunks to {name}",
        )
    lines = "; ".join(found(existing_database))
    assert "DELETE, SELECT to zed" in lines
    assert r'DELETE to "CORP\bob"' in lines
    done = call(existing_database, "--apply")
    assert done.exit_code == 0, done.output
    assert found(existing_database) == []
    for name, expected in zip(names, (2, 2, 2, 0), strict=True):
        kept = (
            "select count(*) from pg_class, aclexplode(relacl)"
            f" where oid = 'public.documents'::regclass and grantee = {literal(name)}::regrole"
        )
        assert scalar(existing_database, kept) == expected


@pytest.mark.parametrize(
    "option", ["--workspace=00000000-0000-4000-8000-00000000000a", "--map=a=b"]
)
def test_options_that_make_no_sense_are_refused(world_database: Database, option: str) -> None:
    done = call(world_database, option)
    assert done.exit_code == 1
    assert "repair access" in done.stderr or "access" in done.stderr
