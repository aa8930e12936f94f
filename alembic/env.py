"""Wires Alembic to the settings, the database, the models and the SQL tree."""

from __future__ import annotations

import os
from logging.config import fileConfig
from typing import TYPE_CHECKING

from alembic import context
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from mivaa_schema import database, migrations, pooler, preflight, progress
from mivaa_schema.drafting import revise
from mivaa_schema.errors import MivaaError
from mivaa_schema.models import Base
from mivaa_schema.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

OPTIONS = {
    "target_metadata": Base.metadata,
    "version_table": migrations.VERSION_TABLE,
    "version_table_schema": migrations.PRIVATE_SCHEMA,
    "transaction_per_migration": True,
}


def run_offline(settings: Settings) -> None:
    """Print the script; with ``bare``, a rollback's statements and nothing around them."""
    bare = context.config.attributes.get("bare", False)
    context.configure(
        dialect_name="postgresql",
        dialect_opts={"paramstyle": "named"},
        literal_binds=True,
        transactional_ddl=not bare,
        mivaa_timeouts=migrations.timeouts(settings),
        mivaa_lock_members=settings.lock_members,
        **OPTIONS,
    )
    if bare:
        context.run_migrations()
        return
    # Half of a script on top of a failed half is worse than either.
    context.static_output("\\set ON_ERROR_STOP on")
    for statement in migrations.session_settings(migrations.timeouts(settings)):
        context.execute(statement)
    if context.get_starting_revision_argument() in (None, "base"):
        # Not by execute(), which reads colons as parameters and replaces tabs.
        context.static_output(preflight.offline(lock_members=settings.lock_members) + ";")
        for statement in migrations.make_private_schema():
            context.execute(statement)
    migrations.check_each_step(context.get_context())
    context.run_migrations()
    if context.get_revision_argument() in ((), "base", None):
        for statement in migrations.drop_private_schema():
            context.execute(statement)
    context.execute(migrations.notify_api())


def run_online(settings: Settings) -> None:
    """Run the command on the database of the settings, or on the engine that a test gives."""
    engine: Engine = context.config.attributes.get("connection") or pooler.open_engine(settings)
    with database.connect(engine) as connection:
        context.configure(
            connection=connection,
            mivaa_timeouts=migrations.timeouts(settings),
            mivaa_lock_members=settings.lock_members,
            **revise.options(settings),
            **OPTIONS,
        )
        if migrations.command_of(context.get_context()) in migrations.MUTATING_COMMANDS:
            with migrations.upgrade_lock(connection, settings.upgrade_wait):
                change(settings, engine, connection)
        else:
            # Alembic would make its table even for a command that only reads.
            context.get_context().opts["dont_mutate"] = True
            if migrations.command_of(context.get_context()) == "retrieve_migrations":
                revise.refuse_without_revision(connection)
                migrations.prepare_session(connection, migrations.timeouts(settings))
            context.run_migrations()


def run_by_hand(settings: Settings) -> None:
    """Number a revision that is written by hand; there is nothing to ask a database for."""
    context.configure(dialect_name="postgresql", as_sql=True, **revise.options(settings), **OPTIONS)
    context.run_migrations()


def change(settings: Settings, engine: Engine, connection: Connection) -> None:
    """Check first, change then; each revision in a transaction of its own."""
    script = ScriptDirectory.from_config(context.config)
    command = migrations.command_of(context.get_context())
    database.check_server(connection)
    migrations.check_revision_is_known(connection, script)
    if command == "upgrade":
        preflight.refuse_what_cannot_be_adopted(connection, lock_members=settings.lock_members)
    migrations.prepare_session(connection, migrations.timeouts(settings))
    if command == "downgrade":
        migrations.take_back_what_was_begun(connection, script)
    with migrations.records(connection, script, command), progress.shown(engine, connection):
        migrations.run_with_retries(
            engine,
            context.run_migrations,
            lambda: migrations.revision_at_work(connection, script, command),
            settings.lock_retries,
        )


if context.config.config_file_name is not None:
    fileConfig(context.config.config_file_name, disable_existing_loggers=False)

try:
    chosen = Settings.resolve(context.get_x_argument(as_dictionary=True), os.environ)
    if context.is_offline_mode():
        run_offline(chosen)
    elif getattr(context.config.cmd_opts, "autogenerate", None) is False:
        run_by_hand(chosen)
    else:
        run_online(chosen)
except MivaaError as error:
    raise CommandError(str(error)) from error
