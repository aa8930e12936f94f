"""What others write into an adopted migration_tracking between the checks and its closing."""

from __future__ import annotations

import pytest
from adoption.test_refusals import TRACKED
from alembic.util import CommandError

from fixtures.clusters import both_majors
from fixtures.databases import Database
from fixtures.existing_platform import run, scalar
from mivaa_schema import preflight

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
