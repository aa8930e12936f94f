"""Wires Alembic to the settings and the database."""

from __future__ import annotations

import logging
import os
from logging.config import fileConfig
from typing import Any

from alembic import context
from alembic.util import CommandError
from psycopg2.extensions import set_wait_callback
from psycopg2.extras import wait_select

from mivaa_schema import database, migrations
from mivaa_schema.errors import MivaaError
from mivaa_schema.migrations import runner
from mivaa_schema.settings import Settings

config = context.config
given = config.attributes.get("connection")


def comparison(settings: Settings) -> dict[str, Any]:
    """How ``check`` and ``revision`` compare current definitions with the history."""
    from mivaa_schema.drafting import revise

    return revise.options(settings)


def run_migrations_offline(settings: Settings, name: str) -> None:
    from mivaa_schema.migrations import offline

    offline.run_script(settings, name)


def run_without_database(settings: Settings, name: str) -> None:
    options = comparison(settings) if name == runner.COMPARISON else {}
    context.configure(dialect_name="postgresql", as_sql=True, **options, **runner.OPTIONS)
    context.run_migrations()


def run_migrations_online(settings: Settings, name: str) -> None:
    changes = name not in runner.READING or name == runner.COMPARISON
    with database.connection_of(settings, given, changes=changes) as connection:
        context.configure(
            connection=connection,
            # Alembic would make its table even for a command that only reads.
            dont_mutate=name in runner.READING,
            on_version_apply=runner.end_interruption,
            mivaa_timeouts=migrations.timeouts(settings),
            mivaa_lock_members=settings.lock_members,
            **(comparison(settings) if name == runner.COMPARISON else {}),
            **runner.OPTIONS,
        )
        runner.run(connection, settings, name)
        if name == runner.COMPARISON:
            from mivaa_schema.drafting import revise

            revise.refuse_drift(context.get_context())


def run() -> None:
    configured = config.get_main_option("sqlalchemy.url") if given is None else None
    x = context.get_x_argument(as_dictionary=True)
    settings = database.resolve_settings(x, os.environ, configured)
    name = runner.command()
    runner.check_history(context.script, name)
    if runner.needs_no_database(name):
        run_without_database(settings, name)
    elif context.is_offline_mode():
        run_migrations_offline(settings, name)
    else:
        run_migrations_online(settings, name)


# An application that calls Alembic has configured its logging, and its drivers, itself.
if hasattr(config.cmd_opts, "cmd"):
    # Ctrl-C then cancels the statement; without it, psycopg2 notices only at the statement's end.
    set_wait_callback(wait_select)
if config.config_file_name is not None and hasattr(config.cmd_opts, "cmd"):
    if config.file_config.has_section("loggers"):
        fileConfig(config.config_file_name, disable_existing_loggers=False)
    else:
        # An alembic.ini of somebody's own needs no more than script_location.
        logging.basicConfig(format="%(levelname)-5.5s [%(name)s] %(message)s")
        logging.getLogger("alembic").setLevel(logging.INFO)
    if context.is_offline_mode():
        # What is printed goes to a file then, and an error must be seen.
        logging.getLogger("alembic.util.messaging").setLevel(logging.ERROR)

try:
    run()
except KeyboardInterrupt:
    raise CommandError(runner.STOPPED) from None
except MivaaError as error:
    raise CommandError(str(error)) from error
