"""Sessions and connections: each transaction acts as its identity, and no statement as another."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event, exc, select, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import NullPool

from fixtures.clusters import SUPERUSER
from fixtures.databases import Database
from fixtures.identities import ADA, BEN, LEAVE, SYNC, Engines, lead_to_evil
from fixtures.people import Person, World, named
from mivaa_schema.identity import Identity, IdentityMissing, guard, identify
from mivaa_schema.identity.errors import (
    AutocommitRefused,
    BadIdentity,
    BadTarget,
    DriverNotGuarded,
    EngineNotGuarded,
    IdentityChanged,
    RoleNotGranted,
    TransactionCommandRefused,
    TransactionLost,
    TwoPhaseRefused,
)
from mivaa_schema.models import Document

W = World()
NOWHERE: set[Any] = set()
WORKSPACES = text("select distinct workspace_id from public.documents")
NO_WARNING = pytest.mark.filterwarnings("ignore::mivaa_schema.identity.IdentityMissing")

Asking = Session | Connection


def seen(database: Asking) -> set[uuid.UUID]:
    """The workspaces whose documents are visible."""
    return set(database.execute(WORKSPACES).scalars())


def settings(database: Asking) -> list[str]:
    """What the transaction says about who is asking."""
    names = ("role", "request.jwt.claims", "request.headers")
    calls = ", ".join(f"coalesce(current_setting('{name}', true), '')" for name in names)
    return list(database.execute(text(f"select {calls}")).one())


def session_of(engine: Engine, identity: Identity) -> Session:
    return identify(Session(engine), identity)


def connection_of(engine: Engine, identity: Identity) -> Connection:
    return identify(engine.connect(), identity)


KINDS: list[Callable[[Engine, Identity], Any]] = [session_of, connection_of]
both_kinds = pytest.mark.parametrize("of", KINDS, ids=["session", "connection"])


# Whoever is bound is who asks.


@both_kinds
def test_each_sees_its_own_workspace_and_no_other(engine: Engine, of: Any) -> None:
    for identity, workspace in ((ADA, W.a), (BEN, W.b), (ADA, W.a)):
        with of(engine, identity) as asking:
            assert seen(asking) == {workspace}


@both_kinds
def test_the_application_itself_sees_all(engine: Engine, of: Any) -> None:
    with of(engine, Identity.service()) as asking:
        assert seen(asking) == {W.a, W.b}


@both_kinds
def test_nobody_is_refused_without_a_warning(engine: Engine, of: Any) -> None:
    with of(engine, Identity.nobody()) as asking, pytest.raises(exc.ProgrammingError):
        seen(asking)


@both_kinds
def test_commit_and_rollback_keep_the_identity(engine: Engine, of: Any) -> None:
    with of(engine, ADA) as asking:
        for end in (asking.commit, asking.rollback, asking.commit):
            assert seen(asking) == {W.a}
            end()
        assert seen(asking) == {W.a}


@both_kinds
def test_an_explicit_begin_is_as_good_as_an_implicit_one(engine: Engine, of: Any) -> None:
    with of(engine, ADA) as asking:
        with asking.begin():
            assert seen(asking) == {W.a}
        with asking.begin():
            assert seen(asking) == {W.a}


@both_kinds
def test_savepoints_keep_the_identity_whether_released_or_rolled_back(
    engine: Engine, of: Any
) -> None:
    with of(engine, ADA) as asking:
        savepoint = asking.begin_nested()
        assert seen(asking) == {W.a}
        savepoint.rollback()
        assert seen(asking) == {W.a}
        with asking.begin_nested():
            assert seen(asking) == {W.a}
        with pytest.raises(exc.DBAPIError), asking.begin_nested():
            asking.execute(text("select 1 / 0"))
        assert seen(asking) == {W.a}


@both_kinds
def test_nested_savepoints_keep_the_identity_however_both_end(engine: Engine, of: Any) -> None:
    with of(engine, ADA) as asking:
        with asking.begin_nested() as outer:
            inner = asking.begin_nested()
            assert seen(asking) == {W.a}
            inner.rollback()
            assert seen(asking) == {W.a}
            with pytest.raises(exc.DBAPIError), asking.begin_nested():
                asking.execute(text("select 1 / 0"))
            assert seen(asking) == {W.a}
            with asking.begin_nested():
                assert seen(asking) == {W.a}
            assert outer.is_active
        assert seen(asking) == {W.a}
        with asking.begin_nested() as outer:
            with asking.begin_nested():
                assert seen(asking) == {W.a}
            outer.rollback()
        assert seen(asking) == {W.a}
        asking.commit()
        assert seen(asking) == {W.a}
    with of(engine, BEN) as asking, asking.begin_nested(), asking.begin_nested():
        assert seen(asking) == {W.b}


def test_a_session_with_explicit_begins_keeps_its_identity(engine: Engine) -> None:
    with identify(Session(engine, autobegin=False), ADA) as session:
        with pytest.raises(exc.InvalidRequestError, match="Autobegin"):
            seen(session)
        with session.begin():
            assert seen(session) == {W.a}
            with session.begin_nested() as savepoint:
                savepoint.rollback()
            assert seen(session) == {W.a}
        with pytest.raises(exc.InvalidRequestError, match="Autobegin"):
            seen(session)
        session.begin()
        assert seen(session) == {W.a}
        session.rollback()
        session.close()
        identify(session, BEN)
        with session.begin():
            assert seen(session) == {W.b}


@both_kinds
def test_an_error_in_a_statement_leaves_nothing_behind(engine: Engine, of: Any) -> None:
    with of(engine, ADA) as asking:
        with pytest.raises(exc.DBAPIError):
            asking.execute(text("select 1 / 0"))
        asking.rollback()
        assert seen(asking) == {W.a}
    with of(engine, BEN) as asking:
        assert seen(asking) == {W.b}


def test_a_flush_that_the_database_refuses_keeps_the_identity(engine: Engine) -> None:
    with session_of(engine, ADA) as session:
        session.add(Document(workspace_id=W.b, user_id=ADA.user_id, title="Not mine"))
        with pytest.raises(exc.DBAPIError):
            session.flush()
        session.rollback()
        session.add(Document(workspace_id=W.a, user_id=ADA.user_id, title="Mine"))
        session.flush()
        assert seen(session) == {W.a}
        session.rollback()


def test_a_flush_within_a_savepoint_fails_alone(engine: Engine) -> None:
    with session_of(engine, ADA) as session:
        with pytest.raises(exc.DBAPIError), session.begin_nested():
            session.add(Document(workspace_id=W.b, user_id=ADA.user_id, title="Not mine"))
        assert seen(session) == {W.a}


def test_many_rows_of_one_flush_are_written_as_the_same_one(engine: Engine) -> None:
    with session_of(engine, ADA) as session:
        session.add_all(
            Document(workspace_id=W.a, user_id=ADA.user_id, title=f"Title {n}") for n in range(30)
        )
        session.flush()
        session.rollback()


@both_kinds
def test_rows_that_are_streamed_are_its_own(engine: Engine, of: Any) -> None:
    with of(engine, ADA) as asking:
        ids = text("select workspace_id from public.documents")
        rows = asking.execute(ids, execution_options={"yield_per": 2})
        first = next(rows.scalars())
        assert {first, *rows.scalars()} == {W.a}


def test_the_workspace_that_a_request_names_decides_before_the_token(engine: Engine) -> None:
    both = Person("both").claims
    for workspace in (W.a, W.b):
        with session_of(engine, Identity.from_claims(both, workspace_id=workspace)) as session:
            assert seen(session) == {workspace}
    with session_of(engine, Identity.from_claims(both)) as session:
        assert seen(session) == NOWHERE


def test_a_foreign_workspace_that_a_request_names_shows_nothing(engine: Engine) -> None:
    claims = Person("editor", W.a).claims
    with session_of(engine, Identity.from_claims(claims, workspace_id=W.b)) as session:
        assert seen(session) == NOWHERE


def test_a_user_may_be_named_without_a_token(engine: Engine) -> None:
    with session_of(engine, Identity.of_user(named("viewer"))) as session:
        assert seen(session) == {W.a}


def test_a_revoked_membership_ends_in_the_middle_of_a_transaction(
    engines: Engines, world_database: Database
) -> None:
    with session_of(engines(database=world_database), ADA) as session:
        assert seen(session) == {W.a}
        with world_database.owner() as owner:
            owner.execute(
                text("update public.workspace_members set status = 'removed' where user_id = :id"),
                {"id": ADA.user_id},
            )
        assert seen(session) == NOWHERE


def test_a_session_joins_the_connection_that_it_is_given(engine: Engine) -> None:
    with connection_of(engine, ADA) as connection, connection.begin():
        with Session(connection) as session:
            assert seen(session) == {W.a}
        with identify(Session(connection), ADA) as session:
            assert seen(session) == {W.a}
        with identify(Session(connection), BEN) as session, pytest.raises(IdentityChanged):
            seen(session)


def test_a_factory_can_bind_it_too(engine: Engine) -> None:
    factory = sessionmaker(engine, execution_options={"mivaa_identity": ADA})
    with factory() as session:
        assert seen(session) == {W.a}


def test_an_engine_derived_for_the_application_is_guarded_and_shares_the_pool(
    engine: Engine,
) -> None:
    service = engine.execution_options(mivaa_identity=Identity.service())
    with Session(service) as session:
        assert seen(session) == {W.a, W.b}
    with session_of(service, ADA) as session:
        assert seen(session) == {W.a}
    with session_of(engine, ADA) as session:
        assert seen(session) == {W.a}


def test_a_derived_engine_can_be_guarded_alone(engines: Engines) -> None:
    owner = engines(guarded=False)
    users = guard(owner.execution_options())
    with session_of(users, ADA) as session:
        assert seen(session) == {W.a}
    with Session(owner) as session:
        assert seen(session) == {W.a, W.b}
    with Session(users) as session, pytest.warns(IdentityMissing):
        assert seen(session) == NOWHERE


@both_kinds
@pytest.mark.parametrize("driver", SYNC)
@pytest.mark.parametrize("ping", [False, True], ids=["no ping", "ping"])
def test_a_connection_that_was_lost_in_the_pool_is_replaced(
    engines: Engines, shared_world: Database, driver: str, ping: bool, of: Any
) -> None:
    engine = engines(driver, pool_pre_ping=ping)
    with of(engine, BEN) as asking:
        pid = asking.execute(text("select pg_backend_pid()")).scalar_one()
    with shared_world.superuser() as connection:
        connection.execute(text("select pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    with of(engine, ADA) as asking:
        if not ping:
            with pytest.raises(exc.DBAPIError) as caught:
                seen(asking)
            assert caught.value.connection_invalidated
            if of is connection_of:
                with pytest.raises(exc.ResourceClosedError):
                    seen(asking)
                return
            asking.rollback()
        assert seen(asking) == {W.a}


# Whoever is not bound sees nothing, whatever the login role may see.


@both_kinds
@pytest.mark.parametrize("user", ["postgres", SUPERUSER, "authenticator"])
@pytest.mark.parametrize("driver", SYNC)
def test_without_an_identity_there_are_no_rows_and_a_warning(
    engines: Engines, driver: str, user: str, of: Any
) -> None:
    engine = engines(driver, user=user)
    with Session(engine) if of is session_of else engine.connect() as asking:
        with pytest.warns(IdentityMissing, match=r"identify\(\)") as caught:
            assert seen(asking) == NOWHERE
        assert caught[0].filename == __file__
        assert settings(asking) == ["authenticated", "", ""]


@NO_WARNING
def test_without_an_identity_nothing_can_be_written(engine: Engine) -> None:
    with Session(engine) as session:
        session.add(Document(workspace_id=W.a, user_id=ADA.user_id, title="Nobody's"))
        with pytest.raises(exc.ProgrammingError, match="row-level security"):
            session.flush()


@NO_WARNING
def test_without_an_identity_statements_can_be_refused_instead(engines: Engines) -> None:
    engine = guard(engines(guarded=False), role_without_identity="anon")
    with Session(engine) as session, pytest.raises(exc.ProgrammingError, match="permission"):
        seen(session)


def test_a_role_with_rights_is_none_for_those_without_an_identity(engines: Engines) -> None:
    with pytest.raises(BadIdentity, match="service_role"):
        guard(engines(guarded=False), role_without_identity="service_role")


@NO_WARNING
def test_what_the_last_one_left_in_the_session_counts_for_nothing(engine: Engine) -> None:
    names = ("request.jwt.claims", "request.headers", "request.jwt.claim.sub", "request.jwt.claim")
    claims = BEN.claims_json
    values = (claims, f'{{"x-workspace-id": "{W.b}"}}', str(BEN.user_id), claims)
    with session_of(engine, Identity.service()) as session:
        for name, value in zip(names, values, strict=True):
            session.execute(text("select set_config(:n, :v, false)"), {"n": name, "v": value})
        session.execute(text("set session role service_role"))
        session.commit()
    with session_of(engine, ADA) as session:
        assert seen(session) == {W.a}
    with Session(engine) as session:
        assert seen(session) == NOWHERE


LEFT_BEHIND = {
    "request.jwt.claims": BEN.claims_json,
    "request.jwt.claim": BEN.claims_json,
    "request.jwt.claim.sub": str(BEN.user_id),
    "request.jwt.claim.role": "service_role",
    "request.jwt.claim.email": "ben@example.org",
    "request.headers": f'{{"x-workspace-id": "{W.b}"}}',
    "role": "service_role",
}


@both_kinds
@pytest.mark.parametrize("setting", LEFT_BEHIND)
def test_what_a_user_sets_for_the_session_is_not_what_the_next_one_acts_by(
    engine: Engine, of: Any, setting: str
) -> None:
    leave = text("select set_config(:name, :value, false)")
    current = text(f"select current_setting('{setting}', true)")
    claimed = text("select auth.uid(), auth.role(), auth.jwt() ->> 'sub'")

    def next_one() -> list[Any]:
        """Who the user of both workspaces is to the database, and what it sees in A."""
        identity = Identity.from_claims(Person("both", W.a).claims)
        with of(engine, identity) as asking:
            who = asking.execute(claimed).one()
            return [*who, asking.scalar(current), seen(asking)]

    before = next_one()
    both = Person("both").id
    assert before[:3] == [both, "authenticated", str(both)]
    assert before[4] == {W.a}
    with of(engine, ADA) as asking:
        asking.execute(leave, {"name": setting, "value": LEFT_BEHIND[setting]})
        asking.commit()
        assert seen(asking) == {W.a}
    raw = engine.raw_connection()
    with raw.cursor() as cursor:
        cursor.execute(f"select current_setting('{setting}', true)")
        assert cursor.fetchone() in ((None,), ("",), ("none",))
    raw.close()
    assert next_one() == before
    with Session(engine) as session, pytest.warns(IdentityMissing):
        assert seen(session) == NOWHERE


def test_a_warning_that_is_an_error_closes_the_connection(engine: Engine) -> None:
    with engine.connect() as connection:
        with pytest.raises(IdentityMissing):
            seen(connection)
        with pytest.raises(exc.ResourceClosedError):
            seen(connection)
    with session_of(engine, ADA) as session:
        assert seen(session) == {W.a}


@pytest.mark.parametrize("driver", SYNC)
def test_a_begin_that_fails_closes_the_connection(engines: Engines, driver: str) -> None:
    engine = engines(driver)
    broken: list[bool] = []

    @event.listens_for(engine, "before_cursor_execute")
    def fail(*_: Any) -> None:
        if broken:
            raise RuntimeError("planted")

    with connection_of(engine, ADA) as connection:
        broken.append(True)
        with pytest.raises(RuntimeError):
            seen(connection)
        broken.clear()
        with pytest.raises(exc.ResourceClosedError):
            seen(connection)
    with session_of(engine, ADA) as session:
        broken.append(True)
        with pytest.raises(RuntimeError):
            seen(session)
        broken.clear()
        session.rollback()
        assert seen(session) == {W.a}


# Misuse is an error.


def test_a_session_is_not_given_to_somebody_else_within_a_transaction(engine: Engine) -> None:
    with session_of(engine, ADA) as session:
        seen(session)
        assert identify(session, ADA) is session
        with pytest.raises(IdentityChanged, match="session"):
            identify(session, BEN)
        assert seen(session) == {W.a}


def test_a_connection_is_given_to_somebody_else_between_transactions_alone(
    engine: Engine,
) -> None:
    with connection_of(engine, ADA) as connection:
        assert seen(connection) == {W.a}
        with pytest.raises(IdentityChanged, match="connection"):
            identify(connection, BEN)
        with pytest.raises(IdentityChanged, match="connection"):
            connection.execution_options(mivaa_identity=BEN)
        assert seen(connection) == {W.a}
        connection.commit()
        identify(connection, BEN)
        assert seen(connection) == {W.b}


def test_a_session_that_holds_objects_is_not_given_to_somebody_else(engine: Engine) -> None:
    with Session(engine, expire_on_commit=False) as session:
        identify(session, ADA)
        document = session.scalars(select(Document)).first()
        assert document
        session.commit()
        with pytest.raises(IdentityChanged, match="close"):
            identify(session, BEN)
        session.close()
        identify(session, BEN)
        assert session.get(Document, document.id) is None
        assert seen(session) == {W.b}


def test_a_session_that_has_begun_without_an_identity_gets_none(engine: Engine) -> None:
    with Session(engine) as session:
        with pytest.warns(IdentityMissing):
            seen(session)
        with pytest.raises(IdentityChanged):
            identify(session, ADA)
        session.rollback()
        identify(session, ADA)
        assert seen(session) == {W.a}


@both_kinds
def test_a_single_statement_cannot_have_another_one(engine: Engine, of: Any) -> None:
    with of(engine, ADA) as asking:
        with pytest.raises(IdentityChanged, match="statement"):
            asking.execute(WORKSPACES, execution_options={"mivaa_identity": BEN})
        assert seen(asking) == {W.a}


@pytest.mark.parametrize("driver", SYNC)
def test_an_engine_in_autocommit_is_refused(engines: Engines, driver: str) -> None:
    engine = engines(driver, isolation_level="AUTOCOMMIT")
    with session_of(engine, ADA) as session, pytest.raises(AutocommitRefused):
        seen(session)
    with connection_of(engine, ADA) as connection:
        with pytest.raises(AutocommitRefused):
            seen(connection)
        with pytest.raises(exc.ResourceClosedError):
            seen(connection)


def test_a_connection_in_autocommit_is_refused(engine: Engine) -> None:
    with connection_of(engine, ADA) as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        with pytest.raises(AutocommitRefused):
            seen(connection)
    derived = engine.execution_options(isolation_level="AUTOCOMMIT")
    with session_of(derived, ADA) as session, pytest.raises(AutocommitRefused):
        seen(session)
    with session_of(engine, ADA) as session:
        session.connection(execution_options={"isolation_level": "SERIALIZABLE"})
        assert seen(session) == {W.a}


def test_a_driver_in_autocommit_is_refused(engine: Engine) -> None:
    with connection_of(engine, ADA) as connection:
        driver = connection.connection.driver_connection
        assert driver
        driver.autocommit = True
        with pytest.raises(AutocommitRefused):
            seen(connection)
        driver.autocommit = False


@both_kinds
@pytest.mark.parametrize("ending", ["commit", "rollback", "abort", "end"])
def test_a_transaction_that_a_statement_has_ended_is_an_error(
    engine: Engine, of: Any, ending: str
) -> None:
    with of(engine, ADA) as asking:
        seen(asking)
        asking.execute(text(ending))
        with pytest.raises(TransactionLost):
            seen(asking)
        asking.rollback()
        assert seen(asking) == {W.a}


def test_a_prepared_transaction_is_refused(engine: Engine) -> None:
    twophase = Session(engine, twophase=True)
    with identify(twophase, ADA) as session, pytest.raises(TwoPhaseRefused):
        seen(session)
    with connection_of(engine, ADA) as connection:
        with pytest.raises(TwoPhaseRefused):
            connection.begin_twophase()
        assert seen(connection) == {W.a}


def test_an_engine_without_a_guard_is_refused(engines: Engines) -> None:
    engine = engines(guarded=False)
    with Session(engine) as session, pytest.raises(EngineNotGuarded, match="postgres"):
        identify(session, ADA)
    with engine.connect() as connection, pytest.raises(EngineNotGuarded):
        identify(connection, ADA)


def test_an_engine_without_a_guard_among_others_is_refused_when_it_is_used(
    engines: Engines,
) -> None:
    open_engine = engines(guarded=False)
    with Session(binds={Document: open_engine}) as session:
        identify(session, ADA)
        with pytest.raises(EngineNotGuarded):
            session.scalars(select(Document)).all()
        with pytest.raises(exc.ResourceClosedError):
            session.scalars(select(Document)).all()
    with Session(binds={Document: engines()}) as session:
        identify(session, ADA)
        assert {row.workspace_id for row in session.scalars(select(Document))} == {W.a}


@pytest.mark.parametrize("identity", [None, {"sub": "x"}, "authenticated"], ids=repr)
def test_something_else_is_no_identity(engine: Engine, identity: Any) -> None:
    with Session(engine) as session, pytest.raises(BadIdentity):
        identify(session, identity)
    with engine.connect() as connection, pytest.raises(BadIdentity):
        connection.execution_options(mivaa_identity=identity)
    if identity is not None:
        derived = engine.execution_options(mivaa_identity=identity)
        with derived.connect() as connection, pytest.raises(BadIdentity):
            seen(connection)


def test_something_else_cannot_be_identified(engine: Engine) -> None:
    with pytest.raises(BadTarget, match="Engine"):
        identify(engine, ADA)  # type: ignore[type-var]


def test_another_driver_is_refused() -> None:
    with pytest.raises(DriverNotGuarded, match="sqlite"):
        guard(sa.create_engine("sqlite://"))


@pytest.mark.parametrize("driver", SYNC)
def test_a_login_role_that_may_not_act_for_users_is_named(
    engines: Engines, shared_world: Database, driver: str
) -> None:
    with shared_world.superuser() as connection:
        connection.execute(text("create role lonely login"))
    try:
        engine = engines(driver, user="lonely", poolclass=NullPool)
        refused = pytest.raises(RoleNotGranted, match="grant authenticated to lonely;")
        with session_of(engine, ADA) as session, refused:
            seen(session)
        with shared_world.superuser() as connection:
            connection.execute(text("grant authenticated to lonely"))
        with session_of(engine, ADA) as session:
            assert seen(session) == {W.a}
    finally:
        engine.dispose()
        with shared_world.superuser() as connection:
            connection.execute(text("drop role lonely"))


def test_guarding_an_engine_twice_adds_one_guard(engine: Engine) -> None:
    counted: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def count(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        counted.append(statement)

    assert guard(guard(engine)) is engine
    with session_of(engine, ADA) as session:
        session.execute(text("select 1"))
        session.commit()
        counted.clear()
        session.execute(text("select 1"))
    assert len(counted) == 2, "one round trip says who is asking"


# A pool of one.


@pytest.mark.parametrize("driver", ["psycopg2", pytest.param("psycopg", marks=pytest.mark.slow)])
def test_two_tenants_take_turns_a_thousand_times_with_faults_between(
    engines: Engines, driver: str
) -> None:
    engine = engines(driver)
    pids: set[int] = set()
    for turn in range(1000):
        identity, workspace = ((ADA, W.a), (BEN, W.b))[turn % 2]
        asking: Any = KINDS[turn // 2 % 2](engine, identity)
        with asking:
            assert seen(asking) == {workspace}, f"turn {turn}"
            if turn % 100 == 0:
                pids.add(asking.execute(text("select pg_backend_pid()")).scalar_one())
            FAULTS[turn % len(FAULTS)](asking)
    assert len(pids) > 1, "a fault has ended connections"


def _nothing(_: Any) -> None:
    pass


def _commit(asking: Any) -> None:
    asking.commit()


def _error(asking: Any) -> None:
    with pytest.raises(exc.DBAPIError):
        asking.execute(text("select 1 / 0"))


def _error_and_on(asking: Any) -> None:
    _error(asking)
    asking.rollback()
    seen(asking)


def _savepoint(asking: Any) -> None:
    with pytest.raises(exc.DBAPIError), asking.begin_nested():
        asking.execute(text("select 1 / 0"))


def _unread(asking: Any) -> None:
    with asking.execute(WORKSPACES, execution_options={"stream_results": True}) as rows:
        next(iter(rows))


def _lost(asking: Any) -> None:
    asking.execute(text("commit"))
    with pytest.raises(TransactionLost):
        asking.execute(WORKSPACES)
    asking.rollback()


def _for_the_session(asking: Any) -> None:
    asking.execute(text("select set_config('request.jwt.claims', '{}', false)"))
    asking.execute(text("set session role anon"))
    asking.commit()


def _invalidate(asking: Any) -> None:
    asking.invalidate()


def _broken_connection(asking: Any) -> None:
    with pytest.raises(exc.DBAPIError):
        asking.execute(text("select pg_terminate_backend(pg_backend_pid())"))


FAULTS = [
    *(_nothing, _commit, _error, _error_and_on, _savepoint, _unread, _lost, _for_the_session),
    *(_nothing, _error, _commit, _savepoint, _error_and_on, _unread, _lost, _invalidate),
    *(_nothing, _commit, _broken_connection),
]


def test_nothing_stays_on_a_connection_that_goes_back_to_the_pool(engine: Engine) -> None:
    with session_of(engine, Identity.from_claims(ADA.claims, workspace_id=W.a)) as session:
        assert seen(session) == {W.a}
        session.commit()
    raw = engine.raw_connection()
    with raw.cursor() as cursor:
        cursor.execute(
            "select current_user = session_user, current_setting('request.jwt.claims', true),"
            " current_setting('request.headers', true)"
        )
        assert cursor.fetchone() == (True, "", "")
    raw.close()


@pytest.mark.parametrize(
    "path", ["public", "pg_temp, public", '"PG_TEMP", pg_temp,public', "{own}, public", "", '""']
)
def test_a_temporary_table_that_somebody_has_made_is_not_taken_for_ours(
    engine: Engine, path: str
) -> None:
    with connection_of(engine, BEN) as connection:
        connection.execute(text("create temporary table documents (like public.documents)"))
        connection.execute(text("grant all on documents to public"))
        own = text("select nspname from pg_namespace where oid = pg_my_temp_schema()")
        wanted = path.format(own=connection.scalar(own))
        connection.execute(text("select set_config('search_path', :path, false)"), {"path": wanted})
        connection.commit()
        # The next one on the same connection.
        identify(connection, ADA)
        found = "select current_schemas(true), (select count(*) from pg_temp.documents)"
        schemas, count = connection.execute(text(found)).one()
        assert (schemas[-1].startswith("pg_temp"), count) == (True, 0)
        assert sum(name.startswith("pg_temp") for name in schemas) == 1
        assert set(connection.scalars(select(Document.workspace_id))) == {W.a}
    with session_of(engine, ADA) as session:
        assert session.scalar(text("select to_regclass('pg_temp.documents')")) is None
        assert set(session.scalars(select(Document.workspace_id))) == {W.a}


def test_the_search_path_is_that_of_the_application_whatever_a_request_sets(
    engines: Engines,
) -> None:
    engine = engines(connect_args={"options": "-c search_path=extensions,public,my_pg_temp"})
    own = "extensions, public, my_pg_temp, pg_temp"
    with connection_of(engine, BEN) as connection:
        for path in ("PG_TEMP, public", "", "mivaa"):
            set_path = text("select set_config('search_path', :path, false)")
            connection.execute(set_path, {"path": path})
            connection.commit()
            assert connection.scalar(text("show search_path")) == own
    with session_of(engine, ADA) as session:
        assert session.scalar(text("show search_path")) == own


@pytest.mark.usefixtures("hostile_world")
def test_names_in_a_schema_before_pg_catalog_are_not_taken_for_those_of_the_guard(
    engine: Engine,
) -> None:
    event.listen(engine, "connect", lead_to_evil)
    for who, workspace in ((ADA, W.a), (BEN, W.b)):
        with session_of(engine, who) as session:
            asked = "select current_user, current_schema()"
            assert session.execute(text(asked)).one() == ("authenticated", "evil")
            assert set(session.scalars(select(Document.workspace_id))) == {workspace}
            with pytest.raises(exc.DBAPIError, match="planted"):
                session.execute(text("select 'x'::pg_catalog.text = 'x'::pg_catalog.text"))


# What a request leaves behind.


@pytest.mark.parametrize("what", LEAVE)
def test_a_request_leaves_nothing_behind_on_its_connection(engine: Engine, what: str) -> None:
    leave, look, expected = LEAVE[what]
    with session_of(engine, Identity.service()) as session:
        session.execute(text(leave))
        session.commit()
    raw = engine.raw_connection()
    with raw.cursor() as cursor:
        cursor.execute(look)
        assert cursor.fetchone() == (expected,)
    raw.close()


def test_what_the_application_itself_has_set_stays(engines: Engines) -> None:
    engine = engines()

    @event.listens_for(engine, "connect")
    def configure(raw: Any, _: Any) -> None:
        with raw.cursor() as cursor:
            cursor.execute("set statement_timeout = '77s'; set application_name = 'it''s \\ ours'")
        raw.commit()

    for _ in range(3):
        with session_of(engine, ADA) as session:
            shown = (
                "select current_setting('statement_timeout'), current_setting('application_name')"
            )
            assert session.execute(text(shown)).one() == ("77s", "it's \\ ours")
            session.execute(text("set statement_timeout = 0"))
            session.commit()


@pytest.mark.parametrize("threshold", [0, 5])
def test_a_statement_that_the_driver_prepared_cannot_be_replaced(
    engines: Engines, threshold: int
) -> None:
    engine = engines("psycopg", connect_args={"prepare_threshold": threshold})
    mine = text("select distinct workspace_id from public.documents")
    for _ in range(8):
        with session_of(engine, BEN) as session:
            assert set(session.scalars(mine)) == {W.b}
    with session_of(engine, BEN) as session:
        for _ in range(8):
            session.scalars(mine).all()
        names = session.scalars(text("select name from pg_prepared_statements")).all()
        assert names, "the driver prepares nothing, so nothing is tested"
        for name in names:
            session.execute(text(f'deallocate "{name}"'))
            session.execute(
                text(
                    f"prepare \"{name}\" as select set_config('role', 'service_role', true),"
                    " id as workspace_id from public.workspaces"
                )
            )
        session.commit()
    for _ in range(8):
        with session_of(engine, ADA) as session:
            assert session.scalar(text("select current_user")) == "authenticated"
            assert set(session.scalars(mine)) == {W.a}


@both_kinds
@pytest.mark.parametrize(
    "statement",
    [
        "commit and chain",
        "rollback and chain",
        "COMMIT /* and */ AND\n Chain",
        "select 1; commit; select 2",
        "rollback; begin",
        "select ';'; end",
    ],
)
def test_a_text_that_goes_on_without_the_identity_is_refused(
    engine: Engine, of: Any, statement: str
) -> None:
    with of(engine, ADA) as asking:
        assert seen(asking) == {W.a}
        with pytest.raises(TransactionCommandRefused):
            asking.execute(text(statement))
        assert seen(asking) == {W.a}


@both_kinds
def test_a_text_that_only_reads_like_it_is_sent(engine: Engine, of: Any) -> None:
    with of(engine, ADA) as asking:
        for statement in (
            "select 'supply and chain; commit; x'",
            "select 1 -- and chain; commit; x",
            "select $$commit and chain; rollback; x$$",
            "savepoint a; rollback to savepoint a; select 1",
        ):
            asking.execute(text(statement))
        assert seen(asking) == {W.a}


@pytest.mark.parametrize("driver", SYNC)
def test_threads_share_a_pool_and_nothing_else(engines: Engines, driver: str) -> None:
    engine = engines(driver, pool_size=2, pool_timeout=60)
    wrong: list[Any] = []
    start = threading.Barrier(6)

    def work(number: int) -> None:
        identity, workspace = ((ADA, W.a), (BEN, W.b))[number % 2]
        start.wait()
        for turn in range(30):
            with KINDS[turn % 2](engine, identity) as asking:
                found = seen(asking)
                if turn % 3 == 0:
                    asking.commit()
                    found |= seen(asking)
                if found != {workspace}:
                    wrong.append((number, turn, found))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
