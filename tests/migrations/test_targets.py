"""A run works on the database that it was given in any of Alembic's documented ways."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from fixtures.databases import Database
from mivaa_schema.migrations import alembic_config, recorded_revisions

Shell = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return alembic_config()


@pytest.fixture
def other(
    clone: Callable[[int, str], Database], platform_template: Callable[[int], str], major: int
) -> Database:
    return clone(major, platform_template(major))


def revision_of(database: Database) -> list[str]:
    with database.owner() as connection:
        return recorded_revisions(connection)


def set_url(config: Config, database: Database) -> None:
    config.set_main_option("sqlalchemy.url", database.url().replace("%", "%%"))


def test_url_of_the_configuration_is_used(platform_database: Database, config: Config) -> None:
    set_url(config, platform_database)
    command.upgrade(config, "0001")
    assert revision_of(platform_database) == ["0001"]


def test_url_of_an_argument_goes_before_the_environment_and_the_configuration(
    platform_database: Database,
    other: Database,
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = platform_database.config(url=platform_database.url())
    del config.attributes["connection"]
    set_url(config, other)
    monkeypatch.setenv("DATABASE_URL", other.url())
    command.upgrade(config, "0001")
    assert revision_of(platform_database) == ["0001"]
    assert revision_of(other) == []


def test_environment_and_configuration_that_disagree_are_refused_without_a_password(
    platform_database: Database,
    other: Database,
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_url(config, platform_database)
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:secret@db.example/app")
    with pytest.raises(CommandError, match=r"DATABASE_URL names .*db\.example/app") as caught:
        command.upgrade(config, "0001")
    assert "secret" not in str(caught.value)
    monkeypatch.setenv("DATABASE_URL", platform_database.url())
    command.upgrade(config, "0001")
    assert revision_of(platform_database) == ["0001"]


def test_connection_that_is_handed_over_is_used_and_keeps_its_settings(
    platform_database: Database, config: Config
) -> None:
    with platform_database.engine().connect() as connection:
        connection.exec_driver_sql("set search_path = pg_catalog")
        connection.exec_driver_sql("set lock_timeout = '7s'")
        connection.exec_driver_sql("set quote_all_identifiers = on")
        connection.commit()
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        assert recorded_revisions(connection) == ["0005"]
        assert connection.exec_driver_sql("show search_path").scalar() == "pg_catalog"
        assert connection.exec_driver_sql("show lock_timeout").scalar() == "7s"
        assert connection.exec_driver_sql("show quote_all_identifiers").scalar() == "on"
        connection.rollback()
        command.downgrade(config, "base")
        assert recorded_revisions(connection) == []


def test_connection_with_an_open_transaction_is_refused_and_stays_as_it_is(
    platform_database: Database, config: Config
) -> None:
    with platform_database.engine().begin() as connection:
        connection.exec_driver_sql("create table public.mine (id int)")
        config.attributes["connection"] = connection
        with pytest.raises(CommandError, match=r"a transaction is open.*Hand over an Engine"):
            command.upgrade(config, "head")
        command.current(config)
        assert connection.in_transaction()
    with platform_database.owner() as connection:
        assert connection.execute(sa.text("select to_regclass('public.mine')")).scalar()
    assert revision_of(platform_database) == []


@pytest.mark.parametrize("kind", ["autocommit", "text", "sqlite"])
def test_what_is_no_fit_connection_is_refused(
    platform_database: Database, config: Config, kind: str
) -> None:
    sqlite = sa.create_engine("sqlite://")
    with platform_database.engine().connect() as connection, sqlite.connect() as foreign:
        handed_over = {
            "autocommit": connection.execution_options(isolation_level="AUTOCOMMIT"),
            "text": platform_database.url(),
            "sqlite": foreign,
        }
        config.attributes["connection"] = handed_over[kind]
        with pytest.raises(CommandError, match=r"cannot be used: it (is|leads)"):
            command.upgrade(config, "head")
    sqlite.dispose()
    assert revision_of(platform_database) == []


def test_a_change_logs_its_database_and_never_the_password(
    platform_database: Database, alembic: Shell
) -> None:
    url = platform_database.url()
    done = alembic("upgrade", "0001", DATABASE_URL=url.replace("postgres@", "postgres:secret@"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Database {platform_database.name} on " in done.stderr
    assert "as postgres" in done.stderr
    assert "secret" not in done.stdout + done.stderr


def test_what_changes_something_names_its_database(
    platform_database: Database, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "alembic.runtime.migration")
    set_url(config, platform_database)
    command.current(config)
    assert not [message for message in caplog.messages if message.startswith("Database ")]
    command.upgrade(config, "0001")
    (said,) = [message for message in caplog.messages if message.startswith("Database ")]
    folder = sa.make_url(platform_database.url()).query["host"]
    assert said.startswith(f"Database {platform_database.name} on {folder}")


@pytest.mark.usefixtures("embedded")
def test_upgrade_of_the_embedded_server_names_its_folder(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "alembic.runtime.migration")
    command.upgrade(config, "0001")
    folder = os.environ["MIVAA_HOME"]
    said = f"Database postgres on the embedded server in {folder}, as postgres"
    assert said in caplog.messages


@pytest.mark.usefixtures("embedded")
def test_upgrade_of_the_embedded_server_is_led_astray_by_no_variable(
    config: Config, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = sa.make_url(other.url()).query
    with monkeypatch.context() as environment:
        for name, value in {
            "PGHOSTADDR": "127.0.0.1",
            "PGHOST": str(query["host"]),
            "PGDATABASE": other.name,
            "PGCHANNELBINDING": "require",
        }.items():
            environment.setenv(name, value)
        command.upgrade(config, "0001")
        command.downgrade(config, "base")
    assert revision_of(other) == []
