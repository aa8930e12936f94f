"""An identity: the claims of a request, the role to act in, and the workspace that it names."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from mivaa_schema.identity.errors import BadIdentity

if TYPE_CHECKING:
    from collections.abc import Mapping

USERS = "authenticated"
NOBODY = "anon"
SERVICE = "service_role"

# An escaped NUL, behind an even number of backslashes: jsonb does not take it.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sends a request; immutable, and created by one of its class methods.

    Attributes:
        role: The database role of its transactions.
        claims_json: The claims as JSON. Left out of the repr, because they hold personal data.
        workspace_id: The workspace that the request names beside its token, in the header
            ``x-workspace-id``; it has precedence over the claims. None where it names none.
    """

    role: str
    claims_json: str = field(repr=False)
    workspace_id: UUID | None = None

    @classmethod
    def from_claims(
        cls, claims: Mapping[str, Any], *, workspace_id: UUID | str | None = None
    ) -> Identity:
        """Take the claims of a token that was verified; nothing is verified here.

        Args:
            claims: With the user's UUID in ``sub``; a ``role`` can only be ``authenticated``, or
                ``anon`` for a token without a user.
            workspace_id: The workspace that the request names beside its token.

        Raises:
            BadIdentity: The claims name no user, or another role, or are no JSON that PostgreSQL
                accepts.
        """
        role = claims.get("role", USERS)
        if role not in (USERS, NOBODY):
            expected = f"{USERS} or {NOBODY}"
            raise BadIdentity(reason=f"the claim role is {role!r}, expected was {expected}")
        if role == USERS and _uuid(claims.get("sub")) is None:
            raise BadIdentity(reason="the claim sub holds no UUID of a user")
        workspace = None if workspace_id is None else _uuid(workspace_id)
        if workspace is None and workspace_id is not None:
            raise BadIdentity(reason="the workspace that it names is no UUID")
        return cls(role, _json(claims), workspace)

    @classmethod
    def of_user(cls, user_id: UUID | str, *, workspace_id: UUID | str | None = None) -> Identity:
        """Act for a user without a token, for example in a job that the user has started.

        Raises:
            BadIdentity: One of the two is no UUID.
        """
        return cls.from_claims({"sub": str(user_id), "role": USERS}, workspace_id=workspace_id)

    @classmethod
    def nobody(cls) -> Identity:
        """A request without a token: role ``anon``, which may do nothing here."""
        return cls(NOBODY, _json({"role": NOBODY}))

    @classmethod
    def service(cls) -> Identity:
        """The application itself: role ``service_role``, which sees the rows of all workspaces."""
        return cls(SERVICE, _json({"role": SERVICE}))

    @property
    def claims(self) -> dict[str, Any]:
        """The claims; a copy."""
        claims: dict[str, Any] = json.loads(self.claims_json)
        return claims

    @property
    def user_id(self) -> UUID | None:
        """The user; None for nobody and for the application itself."""
        return _uuid(self.claims.get("sub"))

    @property
    def headers_json(self) -> str:
        """The headers of the request that the database looks at; empty without a workspace."""
        return _json({"x-workspace-id": str(self.workspace_id)}) if self.workspace_id else ""


def _json(value: Mapping[str, Any]) -> str:
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadIdentity(reason=f"the claims are no JSON ({type(error).__name__})") from error
    if _NUL.search(text):
        raise BadIdentity(reason="a claim holds a character of code 0")
    return text


def _uuid(value: object) -> UUID | None:
    """A UUID in the one spelling that the database accepts."""
    try:
        found = UUID(str(value))
    except ValueError:
        return None
    return found if str(found) == str(value).lower() else None
