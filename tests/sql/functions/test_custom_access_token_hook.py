"""mivaa.custom_access_token_hook: the workspace in each token that Supabase Auth issues."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from fixtures.calls import Refusal, Worlds, call, claims_of
from fixtures.clusters import SUPERUSER, both_majors
from fixtures.databases import AUTH_OWNER, Database
from fixtures.people import INACTIVE, ROLES, Person, World, named

W = World()
A, B = str(W.a), str(W.b)
BOTH = Person("both")

HOOK = sa.text("select mivaa.custom_access_token_hook(cast(:event as jsonb))")


def event_of(person: Person, **claims: Any) -> dict[str, Any]:
    """What Supabase Auth sends when a person signs in with a password."""
    return {
        "user_id": str(person.id),
        "claims": {
            "aud": "authenticated",
            "exp": 1715690221,
            "iat": 1715686621,
            "iss": "https://project.supabase.co/auth/v1",
            "sub": str(person.id),
            "email": f"{person.name}@example.org",
            "phone": "",
            "app_metadata": {"provider": "email", "providers": ["email"]},
            "user_metadata": {"nickname": "\u00e9\u2603"},
            "role": "authenticated",
            "aal": "aal1",
            "amr": [{"method": "password", "timestamp": 1715686621}],
            "session_id": "4b938a09-5372-4177-a314-cfa292099ea2",
            "is_anonymous": False,
            **claims,
        },
        "authentication_method": "password",
    }


def sent(made: Database, event: Any, *, role: str = AUTH_OWNER) -> Any:
    """What the hook answers, called as Supabase Auth calls it: as its role, with its timeout."""
    text = event if event is None or isinstance(event, str) else json.dumps(event)
    with made.engine(SUPERUSER).connect() as connection:
        connection.exec_driver_sql("set local statement_timeout = '2000'")
        connection.exec_driver_sql(f"set local role {role}")
        return connection.execute(HOOK, {"event": text}).scalar_one()


def workspace_in(made: Database, event: dict[str, Any]) -> Any:
    """The claim in the answer; all else must be as it was sent."""
    answer = sent(made, event)
    workspace = answer["claims"].pop("workspace_id", None)
    event["claims"].pop("workspace_id", None)
    assert answer == event
    return workspace


@both_majors
@pytest.mark.parametrize("role", ROLES)
def test_the_only_membership_is_put_in_and_all_other_claims_are_kept(
    worlds: Worlds, major: int, role: str
) -> None:
    assert workspace_in(worlds(major), event_of(Person(role))) == A


@both_majors
@pytest.mark.parametrize("name", [*INACTIVE, "stranger", "both"])
def test_nothing_is_put_in_without_one_active_membership(
    worlds: Worlds, major: int, name: str
) -> None:
    event = event_of(Person(name))
    assert sent(worlds(major), event) == event


@pytest.mark.parametrize(
    ("person", "claims", "workspace"),
    [
        (BOTH, {"app_metadata": {"workspace_id": B}}, B),
        (BOTH, {"app_metadata": {"workspace_id": A}}, A),
        (BOTH, {"workspace_id": A, "app_metadata": {"workspace_id": B}}, A),
        (BOTH, {"app_metadata": {"workspace_id": "no uuid"}}, None),
        (BOTH, {"user_metadata": {"workspace_id": B}}, None),
        (Person("editor"), {"app_metadata": {"workspace_id": B}}, A),
        (Person("editor"), {"workspace_id": B}, A),
        (Person("editor"), {"user_metadata": {"workspace_id": B}}, A),
        (Person("removed"), {"app_metadata": {"workspace_id": A}}, None),
        (Person("stranger"), {"app_metadata": {"workspace_id": A}}, None),
    ],
    ids=repr,
)
def test_a_workspace_that_the_token_names_is_taken_from_an_active_member_only(
    worlds: Worlds, person: Person, claims: dict[str, Any], workspace: str | None
) -> None:
    assert workspace_in(worlds(), event_of(person, **claims)) == workspace


def test_what_the_user_has_chosen_still_decides_among_several(worlds: Worlds) -> None:
    chosen = event_of(BOTH, user_metadata={"workspace_id": B})
    claims = sent(worlds(), chosen)["claims"]
    assert str(call(worlds(), "mivaa.get_workspace_id()", claims=claims)) == B


@both_majors
@pytest.mark.parametrize(
    "event",
    [
        "null",
        "7",
        '"text"',
        "[]",
        "{}",
        {"claims": {}},
        {"user_id": None, "claims": {}},
        {"user_id": 7, "claims": {}},
        {"user_id": "no uuid", "claims": {}},
        {"user_id": {"id": A}, "claims": {}},
        {"user_id": str(Person("owner").id)},
        {"user_id": str(Person("owner").id), "claims": None},
        {"user_id": str(Person("owner").id), "claims": []},
        {"user_id": str(Person("owner").id), "claims": "text"},
        {"user_id": str(named("nobody")), "claims": {"sub": "x"}},
    ],
    ids=repr,
)
def test_what_it_does_not_understand_goes_back_as_it_came(
    worlds: Worlds, major: int, event: Any
) -> None:
    expected = json.loads(event) if isinstance(event, str) else event
    assert sent(worlds(major), event) == expected


def test_no_event_is_no_event(worlds: Worlds) -> None:
    assert sent(worlds(), None) is None


@pytest.mark.parametrize(
    "odd",
    [
        {"app_metadata": None},
        {"app_metadata": "text"},
        {"app_metadata": [A]},
        {"app_metadata": {"workspace_id": {"id": A}}},
        {"app_metadata": {"workspace_id": None}},
        {"workspace_id": None},
        {"workspace_id": [B]},
    ],
    ids=repr,
)
def test_odd_claims_do_not_keep_the_only_membership_out(worlds: Worlds, odd: Any) -> None:
    assert sent(worlds(), event_of(Person("viewer"), **odd))["claims"]["workspace_id"] == A


@both_majors
def test_supabase_auth_may_call_it_and_no_role_of_the_api(worlds: Worlds, major: int) -> None:
    event = event_of(Person("owner"))
    assert sent(worlds(major), event)["claims"]["workspace_id"] == A
    for role in ("anon", "authenticated", "service_role", "authenticator"):
        with pytest.raises(exc.DBAPIError) as caught:
            sent(worlds(major), event, role=role)
        assert Refusal.of(caught.value).state == "42501"


def test_supabase_auth_may_call_nothing_else_and_read_no_membership(worlds: Worlds) -> None:
    granted = sa.text(
        "select p.oid::regprocedure::text from pg_proc p join pg_namespace n"
        " on n.oid = p.pronamespace where n.nspname = 'mivaa'"
        " and has_function_privilege(:role, p.oid, 'execute')"
    )
    with worlds().superuser() as connection:
        connection.exec_driver_sql("set local search_path = ''")
        names = connection.execute(granted, {"role": AUTH_OWNER}).scalars().all()
        assert names == ["mivaa.custom_access_token_hook(jsonb)"]
        may_read = "select has_table_privilege(%(role)s, 'public.workspace_members', 'select')"
        assert not connection.exec_driver_sql(may_read, {"role": AUTH_OWNER}).scalar_one()


@both_majors
def test_a_membership_that_is_revoked_ends_with_the_next_statement_whatever_the_token_says(
    world_database: Database,
) -> None:
    editor = Person("editor")
    claims = sent(world_database, event_of(editor))["claims"]
    assert claims["workspace_id"] == A
    setting = sa.text("select set_config('request.jwt.claims', :claims, true)")
    documents = "select count(*) from public.documents"
    with world_database.engine("authenticator").begin() as connection:
        connection.execute(setting, {"claims": json.dumps(claims)})
        connection.exec_driver_sql("set local role authenticated")
        assert connection.exec_driver_sql(documents).scalar_one() > 0
        with world_database.owner() as owner:
            owner.execute(
                sa.text("update public.workspace_members set status = 'suspended'"
                        " where user_id = :id"),
                {"id": editor.id},
            )  # fmt: skip
        assert connection.exec_driver_sql(documents).scalar_one() == 0
    event = event_of(editor)
    assert sent(world_database, event) == event


def test_the_token_that_it_makes_is_the_request_that_the_database_understands(
    worlds: Worlds,
) -> None:
    claims = sent(worlds(), event_of(BOTH, app_metadata={"workspace_id": B}))["claims"]
    assert str(call(worlds(), "mivaa.get_workspace_id()", claims=claims_of(BOTH, **claims))) == B


@pytest.mark.slow
def test_a_platform_without_supabase_auth_gets_the_schema_too(
    platform_database: Database,
) -> None:
    renamed = sa.text(f"alter role {AUTH_OWNER} rename to somebody_else")
    back = sa.text(f"alter role somebody_else rename to {AUTH_OWNER}")
    with platform_database.superuser() as connection:
        connection.execute(renamed)
    try:
        platform_database.upgrade("0003")
        with platform_database.superuser() as connection:
            acl = connection.exec_driver_sql(
                "select proacl::text from pg_proc where proname = 'custom_access_token_hook'"
            ).scalar_one()
        assert "somebody_else" not in acl
        platform_database.downgrade()
    finally:
        with platform_database.superuser() as connection:
            connection.execute(back)
