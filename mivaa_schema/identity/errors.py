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
    {user}. Call mivaa_schema.identity.guard(engine) once, where the engine is created.
    """


class RoleNotGranted(MivaaError):
    """The login role {user} may not act as {role}, so no transaction can begin. Log in as
    authenticator, or run as an administrator:
      grant {role} to {user:name};
    """


class IdentityChanged(MivaaError):
    """The {what} has another identity already. {remedy}."""


class AutocommitRefused(MivaaError):
    """The engine or the connection is in AUTOCOMMIT, where an identity would end with the
    statement that sets it. Use a transaction, or a separate engine for work of the owner.
    """


class TwoPhaseRefused(MivaaError):
    """A prepared transaction can outlive its session and its identity. Use an ordinary one."""


class TransactionLost(MivaaError):
    """The transaction that had the identity is over: a statement ended it, or its begin failed.
    Nothing was sent. Roll back, and end transactions only by commit() and rollback() of SQLAlchemy.
    """


class TransactionCommandRefused(MivaaError):
    """A statement would end the transaction that has the identity and go on without it: AND CHAIN,
    or a command such as COMMIT between others in one text. Nothing was sent. End transactions only
    by commit() and rollback() of SQLAlchemy.
    """


class BadTokenSettings(MivaaError):
    """Tokens cannot be verified: {reason}."""


class TokenRefused(MivaaError):
    """The token is refused: {reason}. Sign in again, and send the access token that is issued."""


class TokenKeysUnavailable(MivaaError):
    """The keys of the issuer cannot be read from {url}: {reason}. Check that this address answers
    with a JSON Web Key Set, and try again.
    """
