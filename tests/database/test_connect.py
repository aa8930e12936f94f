"""A session has the settings of an upgrade, and a failure to connect says why."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from mivaa_schema import platform
from mivaa_schema.database import connect, create_engine, database_url, explain, open_engine
from mivaa_schema.database.failures import CannotConnect, DatabaseFailed
from mivaa_schema.server import EmbeddedServer
from mivaa_schema.settings import Settings


def value(connection, sql):
    return connection.execute(sa.text(sql)).scalar()


def failure_of(url):
    """The message of a failure to connect."""
    with pytest.raises(CannotConnect) as failure, connect(create_engine(url)):
        pass
    return str(failure.value)


# Sessions


@pytest.mark.parametrize("schema", ["extensions", "public"])
def test_vector_is_found_in_either_schema(place, schema):
    place.run(f"create schema extensions; create extension vector schema {schema}")
    with place.connection() as connection:
        assert value(connection, "select '[1,2]'::vector <-> '[1,2]'") == 0


def test_default_schema_is_public_whatever_the_role_says(place, role):
    place.run(f"create schema {role} authorization {role}; alter role {role} set search_path = x")
    with place.connection(role) as connection:
        assert connection.dialect.default_schema_name == "public"
        assert value(connection, "show search_path") == "public, extensions"


def test_search_path_survives_a_rollback_and_no_transaction_is_open(place):
    with place.connection() as connection:
        assert connection.connection.driver_connection.info.transaction_status == 0
        connection.execute(sa.text("select 1"))
        connection.rollback()
        assert value(connection, "show search_path") == "public, extensions"


def test_session_bears_our_name_unless_the_address_has_one(place):
    with place.connection() as connection:
        assert value(connection, "show application_name") == "mivaa-schema"
    with create_engine(place.url() + "&application_name=mine").connect() as connection:
        assert value(connection, "show application_name") == "mine"


def test_connections_are_closed_not_pooled(place):
    engine = create_engine(place.url())
    with engine.connect() as connection:
        first = value(connection, "select pg_backend_pid()")
    with engine.connect() as connection:
        assert value(connection, "select pg_backend_pid()") != first


# Failures


def test_unknown_database_is_named(place):
    message = failure_of(place.server.url("nowhere"))
    assert 'database "nowhere" does not exist' in message
    assert "Create the database" in message


def test_unknown_role_is_a_matter_of_user_and_password(place):
    message = failure_of(place.url("stranger"))
    assert "Check user and password" in message
    assert "`stranger`" in message


def test_role_that_may_not_log_in(place, role):
    place.run(f"alter role {role} nologin")
    assert "the right to log in" in failure_of(place.url(role))


def test_full_database(place, role):
    place.run(f"alter role {role} connection limit 0")
    assert "has no free connection" in failure_of(place.url(role))


def test_closed_port_names_host_and_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    message = failure_of(f"postgresql://me:hunter2@127.0.0.1:{port}/db")
    assert "Check host and port" in message
    assert f"127.0.0.1:{port}" in message
    assert "hunter2" not in message


def test_unknown_host_and_missing_socket():
    assert "Check host and port" in failure_of("postgresql://me@no-such-host.invalid/db")
    assert "Check host and port" in failure_of("postgresql:///db?host=/nowhere")


def test_port_that_is_no_postgresql():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        def hang_up():
            # What a web server or a proxy would do.
            with contextlib.suppress(OSError):
                while True:
                    other.accept()[0].close()

        threading.Thread(target=hang_up, daemon=True).start()
        url = f"postgresql://me@127.0.0.1:{other.getsockname()[1]}/db?sslmode=disable"
        assert "Check the address" in failure_of(url)
        other.shutdown(socket.SHUT_RDWR)


def test_wrong_password_says_so_and_keeps_it_to_itself(tcp_server):
    url = tcp_server.tcp_url().replace(tcp_server.tcp_url().split(":")[2].split("@")[0], "hunter2")
    message = failure_of(url)
    assert "Check user and password" in message
    assert "`postgres`" in message
    assert "hunter2" not in message
    assert "Check user and password" in failure_of(url.replace(":hunter2", ""))


def test_statement_that_fails_keeps_its_sqlstate(place):
    with place.connection() as connection, pytest.raises(exc.DBAPIError) as failure:
        connection.execute(sa.text("select 1/0"))
    error = explain(failure.value, connection.engine.url)
    assert isinstance(error, DatabaseFailed)
    assert error.fields["sqlstate"] == "22012"


# The database of the settings


def test_address_of_the_settings_is_used_as_it_is(place):
    with open_engine(Settings(url=place.url())).connect() as connection:
        assert value(connection, "select current_database()") == place.name
        assert "schema auth" in platform.missing(connection)


@pytest.mark.parametrize("pooled", [True, False])
def test_applications_keep_their_connections_and_commands_do_not(place, pooled):
    engine = open_engine(Settings(url=place.url()), pooled=pooled)
    processes = set()
    for _ in range(3):
        with engine.connect() as connection:
            processes.add(value(connection, "select pg_backend_pid()"))
            assert value(connection, "show search_path") == "public, extensions"
    assert len(processes) == (1 if pooled else 3)
    engine.dispose()


def test_connection_that_the_server_has_ended_is_replaced(place):
    engine = open_engine(Settings(url=place.url()))
    with engine.connect() as connection:
        process = value(connection, "select pg_backend_pid()")
    with place.connection() as other:
        value(other, f"select pg_terminate_backend({process}, 5000)")
    with engine.connect() as connection:
        assert value(connection, "select 1") == 1
    engine.dispose()


def test_failing_address_fails_at_once():
    with pytest.raises(CannotConnect, match="Check host and port"):
        open_engine(Settings(url="postgresql:///db?host=/nowhere"))


def test_no_address_is_the_embedded_server_with_the_platform(tcp_server):
    for _ in range(2):
        engine = open_engine(Settings(home=tcp_server.home))
        with engine.connect() as connection:
            assert platform.missing(connection, extras=True) == []
            assert value(connection, "select auth.uid()") is None
    assert engine.url == database_url(tcp_server.url())
    assert isinstance(tcp_server, EmbeddedServer)
