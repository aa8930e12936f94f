"""What others write into an adopted migration_tracking between the checks and its closing."""

from __future__ import annotations

import pytest
from adoption.test_refusals import TRACKED
from alembic.util import CommandError

from fixtures.clusters import both_majors
from fixtures.databases import Database
from fixtures.existing_platform import run, scalar
from mivaa_schema import preflight

TRIGGER = """
create function pg_temp.evil() returns trigger language plpgsql as
  'begin raise exception using message = current_user; end';
create trigger aaa before insert or update on public.{} for each row
  execute function pg_temp.evil()
"""
LATE = {
    "SQL for a rollback": (
        "insert into public.migration_tracking (migration_name, phase, status, rollback_sql)"
        " values ('late', 'p', 'completed', 'create role late superuser')"
    ),
    "a phase of ours": (
        "insert into public.migration_tracking (migration_name, phase, status)"
        " values ('mivaa_integration', 'jwt_functions', 'completed')"
    ),
}


@both_majors
@pytest.mark.parametrize("name", LATE)
def test_it_stops_the_upgrade_and_nothing_of_it_is_executed(
    existing_database: Database, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    run(existing_database, TRACKED + "grant insert on public.migration_tracking to anon")
    rows = scalar(existing_database, "select count(*) from public.migration_tracking")
    check = preflight.refuse_what_cannot_be_adopted

    def check_then_plant(*args: object, **options: object) -> None:
        check(*args, **options)  # type: ignore[arg-type]
        run(existing_database, f"set role anon; {LATE[name]}")

    with monkeypatch.context() as patched:
        patched.setattr(preflight, "refuse_what_cannot_be_adopted", check_then_plant)
        with pytest.raises(CommandError, match="somebody has written into") as failed:
            existing_database.upgrade()
    assert str(failed.value).startswith("Revision 0002 failed and is unchanged: ")
    assert "Delete what is not yours" in str(failed.value)
    ours = "select to_regprocedure('public.rollback_migration_phase(text, text)')"
    assert scalar(existing_database, ours) is None

    run(
        existing_database,
        "delete from public.migration_tracking"
        " where rollback_sql is not null or migration_name = 'mivaa_integration'",
    )
    existing_database.upgrade()
    assert scalar(existing_database, ours) is not None
    kept = "select count(*) from public.migration_tracking where migration_name = 'earlier_work'"
    assert scalar(existing_database, kept) == rows
    existing_database.downgrade()
    assert scalar(existing_database, "select count(*) from public.migration_tracking") == rows


@both_majors
@pytest.mark.parametrize("table", ["migration_tracking", "documents"])
def test_a_trigger_of_somebody_else_stops_it_too(
    existing_database: Database, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    """It would run as the owner, with the first row that the upgrade writes."""
    run(existing_database, TRACKED + f"grant all on public.{table} to anon")
    check = preflight.refuse_what_cannot_be_adopted
    with existing_database.engine().connect() as planter:

        def check_then_plant(*args: object, **options: object) -> None:
            check(*args, **options)  # type: ignore[arg-type]
            if not planter.in_transaction():
                planter.exec_driver_sql("set role anon")
                planter.exec_driver_sql(TRIGGER.format(table))
                planter.exec_driver_sql("reset role")
                planter.commit()

        with monkeypatch.context() as patched:
            patched.setattr(preflight, "refuse_what_cannot_be_adopted", check_then_plant)
            with pytest.raises(CommandError, match="executes a function of another role"):
                existing_database.upgrade()
        planter.exec_driver_sql(f"drop trigger aaa on public.{table}")
        planter.commit()
    existing_database.upgrade()


@both_majors
def test_other_roles_lose_what_no_policy_binds_and_get_it_back(existing_database: Database) -> None:
    run(existing_database, "grant all on public.documents, public.document_chunks to analyst")
    before = existing_database.dump()
    existing_database.upgrade()
    privileges = "select string_agg(privilege_type, ', ' order by privilege_type)"
    for table in ("documents", "document_chunks"):
        left = scalar(
            existing_database,
            f"{privileges} from pg_class c, aclexplode(relacl)"
            f" where oid = 'public.{table}'::regclass and grantee = 'analyst'::regrole",
        )
        assert left == "DELETE, INSERT, SELECT, UPDATE"
    existing_database.downgrade()
    assert existing_database.dump() == before
