"""mivaa.has_permission: the one place where roles turn into permissions."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from fixtures.calls import Worlds, call, refused
from fixtures.clusters import both_majors
from fixtures.databases import Database
from fixtures.people import Person, World, as_user, named

W = World()
PERMISSIONS = ("read", "write", "delete", "manage_documents")
GIVEN = {
    "owner": ("read", "write", "delete", "manage_documents"),
    "admin": ("read", "write", "delete", "manage_documents"),
    "editor": ("read", "write", "manage_documents"),
    "viewer": ("read",),
    "member": ("read",),
    "invited": (),
    "suspended": (),
    "removed": (),
    "stranger": (),
    "owner_of_b": (),
}


@both_majors
@pytest.mark.parametrize("name", GIVEN)
def test_a_role_has_these_permissions_and_no_other(worlds: Worlds, major: int, name: str) -> None:
    with as_user(worlds(major), Person(name, W.a)) as connection:
        asked = sa.text("select mivaa.has_permission(:permission)")
        has = tuple(
            permission
            for permission in PERMISSIONS
            if connection.execute(asked, {"permission": permission}).scalar_one()
        )
    assert has == GIVEN[name]


@both_majors
@pytest.mark.parametrize("name", ["owner", "viewer", "stranger"])
@pytest.mark.parametrize("permission", ["raed", "", "READ", None])
def test_an_unknown_permission_is_an_error_that_lists_the_known_ones(
    worlds: Worlds, major: int, name: str, permission: str | None
) -> None:
    refusal = refused(
        worlds(major),
        "mivaa.has_permission(cast(:permission as text))",
        claims=Person(name, W.a).claims,
        permission=permission,
    )
    shown = "null" if permission is None else f"'{permission}'"
    assert refusal.state == "22023"
    assert refusal.message == f"unknown permission {shown}"
    assert refusal.hint == "Expected one of: read, write, delete, manage_documents."


@pytest.mark.parametrize("role", ["emperor", "Owner", "", "owner "])
def test_an_unknown_role_may_do_nothing(world_database: Database, world: World, role: str) -> None:
    with world_database.owner() as connection:
        connection.exec_driver_sql(
            "alter table public.workspace_members drop constraint workspace_members_role_check"
        )
        change = sa.text("update public.workspace_members set role = :role where user_id = :id")
        connection.execute(change, {"role": role, "id": named("owner")})
    with as_user(world_database, world.person("owner")) as connection:
        asked = sa.text("select mivaa.has_permission(:permission)")
        for permission in PERMISSIONS:
            assert connection.execute(asked, {"permission": permission}).scalar_one() is False


def test_a_role_that_the_token_claims_gives_nothing(worlds: Worlds) -> None:
    claims = {
        **Person("viewer", W.a).claims,
        "user_role": "owner",
        "app_metadata": {"role": "owner"},
    }
    assert call(worlds(), "mivaa.has_permission('write')", claims=claims) is False


def test_the_argument_can_be_named_as_applications_name_it(worlds: Worlds) -> None:
    named_argument = "mivaa.has_permission(permission_name => 'read')"
    assert call(worlds(), named_argument, claims=Person("viewer", W.a).claims) is True


def test_anon_cannot_call_them(worlds: Worlds) -> None:
    assert refused(worlds(), "mivaa.has_permission('read')", role="anon").state == "42501"


def test_service_role_has_no_membership_and_so_no_permission(worlds: Worlds) -> None:
    assert call(worlds(), "mivaa.has_permission('read')", role="service_role") is False
