"""What can fail about an identity: claims, tokens, and binding them to transactions."""

from __future__ import annotations

from mivaa_schema.errors import MivaaError


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


class BadTokenSettings(MivaaError):
    """Tokens cannot be verified so: {reason}."""


class TokenRefused(MivaaError):
    """The token is refused: {reason}. Sign in again, and send the access token that is issued."""


class TokenKeysUnavailable(MivaaError):
    """The keys of the issuer cannot be read from {url}: {reason}. Look whether that address
    answers with a JSON Web Key Set, and try again.
    """
