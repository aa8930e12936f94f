"""A database that cannot be upgraded is refused, with what is missing and what to do."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa

from mivaa_schema import platform
from mivaa_schema.errors import MivaaError
from mivaa_schema.platform import (
    AuthSchemaMissing,
    AuthUsersUnfit,
    RightMissing,
    ServerReadOnly,
    ServerTooOld,
    VectorElsewhere,
    VectorMissing,
    VectorNotCreatable,
    VectorTooOld,
    check_server,
    check_version,
)


@pytest.fixture
def fit(place):
    """A database that has all that is needed."""
    with place.connection() as connection:
        platform.install(connection)
    return place


@pytest.fixture
def owner(fit, role):
    """A role with the rights that are needed and no other; vector is there already."""
    fit.run(f"""
        create extension vector schema extensions;
        grant create on database {fit.name} to {role};
        grant create on schema public to {role};
        grant usage on schema auth to {role};
        grant references on auth.users to {role};
    """)
    return role


def refusal(place, user=None, before=""):
    with place.connection(user) as connection:
        if before:
            connection.execute(sa.text(before))
        with pytest.raises(MivaaError) as failure:
            check_server(connection)
    return failure.value


def test_fit_database_passes_without_an_open_transaction(fit):
    with fit.connection() as connection:
        check_server(connection)
        assert not connection.in_transaction()


def test_fit_database_passes_within_a_transaction_that_goes_on(fit):
    with fit.connection() as connection:
        connection.execute(sa.text("select set_config('a.b', 'kept', true)"))
        check_server(connection)
        assert connection.execute(sa.text("select current_setting('a.b')")).scalar() == "kept"


def test_owner_without_other_rights_passes(fit, owner):
    with fit.connection(owner) as connection:
        check_server(connection)


# Version and state


@pytest.mark.parametrize(
    ("number", "found"), [(140012, "14.12"), (90624, "9.6"), (100000, "10.0"), (149999, "14.9999")]
)
def test_old_server_is_refused_by_its_version(number, found):
    with pytest.raises(ServerTooOld, match=f"PostgreSQL {found}; 15 or later"):
        check_version(number)


@pytest.mark.parametrize("number", [150000, 160014, 180004, 190000])
def test_new_server_passes(number):
    check_version(number)


def test_read_only_session_is_refused(fit):
    error = refusal(fit, before="set transaction read only")
    assert isinstance(error, ServerReadOnly)


# What a platform brings


def test_missing_platform_names_the_command_that_installs_it(place):
    error = refusal(place)
    assert isinstance(error, AuthSchemaMissing)
    assert "schema auth, auth.users, auth.uid(), auth.jwt()" in error.fields["missing"]
    assert "\n  mivaa-schema platform install" in str(error)


def test_missing_part_is_named(fit):
    fit.run("drop function auth.jwt()")
    assert refusal(fit).fields["missing"] == "auth.jwt()"


def test_missing_extras_are_no_reason(fit):
    fit.run("drop schema extensions")
    with fit.connection() as connection:
        check_server(connection)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("alter table auth.users rename id to uid", "has no column id"),
        ("alter table auth.users drop constraint users_pkey", "its id is no key"),
        ("alter table auth.users alter id drop default, alter id type text", "its id is text"),
        ("alter table auth.users drop constraint users_pkey, add primary key (id, created_at)",
         "its id is no key"),
    ],
)  # fmt: skip
def test_users_that_nothing_can_refer_to_are_refused(fit, change, fault):
    fit.run(change)
    error = refusal(fit)
    assert isinstance(error, AuthUsersUnfit)
    assert error.fields["fault"] == fault


# Rights


@pytest.mark.parametrize(
    ("loss", "kind", "words"),
    [
        ("revoke create on database {database} from {role}", RightMissing,
         "grant create on database {database} to {role};"),
        ("revoke create on schema public from {role}", RightMissing,
         "grant usage, create on schema public to {role};"),
        ("revoke usage on schema auth from {role}", RightMissing,
         "grant usage on schema auth to {role};"),
        ("revoke references on auth.users from {role}", RightMissing,
         "grant references on auth.users to {role};"),
        ("create schema mivaa", RightMissing,
         "grant usage, create on schema mivaa to {role};"),
    ],
)  # fmt: skip
def test_missing_right_comes_with_the_statement_that_grants_it(fit, owner, loss, kind, words):
    names = {"database": fit.name, "role": owner}
    fit.run(loss.format(**names))
    error = refusal(fit, owner)
    assert isinstance(error, kind)
    remedy = words.format(**names)
    assert remedy in str(error)
    fit.run(remedy)
    with fit.connection(owner) as connection:
        check_server(connection)


def test_closed_auth_schema_is_a_matter_of_rights_not_of_absence(fit, owner):
    fit.run(f"revoke all on schema auth from public, {owner}")
    assert isinstance(refusal(fit, owner), RightMissing)


def test_own_private_schema_needs_no_right_on_the_database(fit, owner):
    fit.run(f"create schema mivaa authorization {owner}")
    fit.run(f"revoke create on database {fit.name} from {owner}")
    with fit.connection(owner) as connection:
        check_server(connection)


# pgvector


@pytest.fixture
def offered():
    """Let a session see the extensions of one folder only: nothing, or vector of some version."""
    # Not pytest's own folder: the server is another user.
    folder = Path(tempfile.mkdtemp(prefix="mivaa-test-", dir="/tmp"))
    folder.chmod(0o755)
    (folder / "extension").mkdir()

    def offer(version=None, *, trusted=True):
        if version:
            control = folder / "extension" / "vector.control"
            control.write_text(f"default_version = '{version}'\ntrusted = {str(trusted).lower()}\n")
            (control.parent / f"vector--{version}.sql").write_text("")
        return f"set extension_control_path = '{folder}'"

    yield offer
    shutil.rmtree(folder)


def test_missing_vector_names_the_package(fit, offered):
    error = refusal(fit, before=offered())
    assert isinstance(error, VectorMissing)
    assert "postgresql-18-pgvector" in str(error)


def test_old_vector_on_the_server_is_refused(fit, offered):
    error = refusal(fit, before=offered("0.7.4"))
    assert isinstance(error, VectorTooOld)
    assert "has pgvector 0.7.4; 0.8 or later" in str(error)
    assert "Install a later pgvector on the server." in str(error)


def test_tenth_minor_version_is_not_an_old_one(fit, offered):
    with fit.connection() as connection:
        connection.execute(sa.text(offered("0.10.0")))
        check_server(connection)


def test_old_vector_in_the_database_is_updated_where_the_server_has_a_later_one(fit):
    fit.run("create extension vector")
    fit.run("""
        set allow_system_table_mods = on;
        update pg_extension set extversion = '0.7.4' where extname = 'vector';
    """)
    error = refusal(fit)
    assert isinstance(error, VectorTooOld)
    assert "alter extension vector update;" in str(error)


def test_old_vector_in_database_and_server_needs_the_server_first(fit, offered):
    fit.run("create extension vector")
    fit.run("""
        set allow_system_table_mods = on;
        update pg_extension set extversion = '0.7.4' where extname = 'vector';
    """)
    error = refusal(fit, before=offered("0.7.4"))
    assert "Install a later pgvector on the server, then run" in str(error)


def test_vector_in_a_third_schema_comes_with_the_statement_that_moves_it(fit):
    fit.run("create schema elsewhere; create extension vector schema elsewhere")
    error = refusal(fit)
    assert isinstance(error, VectorElsewhere)
    remedy = "alter extension vector set schema extensions;"
    assert remedy in str(error)
    fit.run(remedy)
    with fit.connection() as connection:
        check_server(connection)


def test_vector_that_the_user_may_not_create_names_the_statement(fit, owner):
    fit.run("drop extension vector")
    error = refusal(fit, owner)
    assert isinstance(error, VectorNotCreatable)
    assert "create extension vector;" in str(error)


def test_trusted_vector_and_supautils_let_the_owner_create_it(fit, owner, offered):
    fit.run("drop extension vector")
    fit.run(f"grant set on parameter extension_control_path to {owner}")
    with fit.connection(owner) as connection:
        connection.execute(sa.text(offered("0.8.1")))
        check_server(connection)
    fit.run(f"revoke set on parameter extension_control_path from {owner}")
    with fit.connection(owner) as connection:
        connection.execute(sa.text("set supautils.privileged_extensions = 'pg_net, vector'"))
        check_server(connection)
