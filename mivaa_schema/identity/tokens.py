"""Verifies the access token of a request and makes an identity of it."""

from __future__ import annotations

import http.client
import json
import math
import threading
import time
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from mivaa_schema.errors import ExtraMissing
from mivaa_schema.identity.claims import USERS, Identity
from mivaa_schema.identity.errors import (
    BadIdentity,
    BadTokenSettings,
    TokenKeysUnavailable,
    TokenRefused,
)

try:
    import cryptography  # noqa: F401 - PyJWT can be there without it, and then knows HS256 only
    import jwt
except ModuleNotFoundError as missing:
    raise ExtraMissing(extra="jwt") from missing

if TYPE_CHECKING:
    from uuid import UUID

SHARED = "HS256"
"""What the legacy secret of a Supabase project signs with."""

ASYMMETRIC = ("ES256", "RS256")
"""What the signing keys of a Supabase project sign with."""

_SHORTEST_SECRET = 32
_LONGEST_TOKEN = 16_384
_LONGEST_SET = 262_144
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class TokenVerifier:
    """Verifies the access tokens of one issuer, such as a Supabase project. Safe to share.

    A token must be signed with a key of the issuer, by the algorithm of that kind of key, whatever
    the token itself says; it must have the audience and the issuer, not be expired, and name a
    user. It blocks while it fetches keys: in a coroutine, call
    ``await asyncio.to_thread(verifier.identity, token)`` if keys come from an address.

    Args:
        issuer: The claim ``iss``: ``https://<project>.supabase.co/auth/v1``.
        secret: The legacy secret, at least 32 bytes, for tokens signed by HS256.
        jwks_url: Address of the issuer's public keys, for tokens signed by ES256 or RS256:
            ``<issuer>/.well-known/jwks.json``. It must be https, except on this machine.
        audience: The claim ``aud``.
        leeway: Seconds by which clocks may differ.
        timeout: Seconds to wait for the keys.

    Raises:
        BadTokenSettings: There is neither a secret nor an address, or one of them is unsafe.
    """

    def __init__(
        self,
        *,
        issuer: str,
        secret: str | None = None,
        jwks_url: str | None = None,
        audience: str = USERS,
        leeway: float = 10.0,
        timeout: float = 5.0,
    ) -> None:
        if not issuer or not audience:
            raise BadTokenSettings(reason="the issuer and the audience may not be empty")
        if secret is None and jwks_url is None:
            raise BadTokenSettings(reason="neither a secret nor the address of keys is given")
        if secret is not None and len(secret.encode()) < _SHORTEST_SECRET:
            raise BadTokenSettings(reason=f"the secret has less than {_SHORTEST_SECRET} bytes")
        self._issuer = issuer
        self._audience = audience
        self._leeway = leeway
        self._secret = secret
        self._keys = None if jwks_url is None else KeySet(jwks_url, timeout=timeout)

    def identity(self, token: str, *, workspace_id: UUID | str | None = None) -> Identity:
        """Verify a token.

        Args:
            token: As it stands behind ``Bearer`` in the header ``Authorization``.
            workspace_id: The workspace that the request names beside it, in ``x-workspace-id``.

        Raises:
            TokenRefused: It is not valid; the reason can be shown to the client.
            TokenKeysUnavailable: The issuer's keys cannot be fetched, so it cannot be verified.
            BadIdentity: The workspace is no UUID.
        """
        claims = self.claims(token)
        try:
            found = Identity.from_claims(claims)
        except BadIdentity as error:
            raise TokenRefused(reason=error.fields["reason"]) from None
        if found.role != USERS:
            raise TokenRefused(reason="it names no user")
        return Identity.from_claims(claims, workspace_id=workspace_id)

    def claims(self, token: str) -> dict[str, Any]:
        """Verify a token and return all of its claims; raises as :meth:`identity` does."""
        if not isinstance(token, str):
            raise TokenRefused(reason=f"it is a {type(token).__name__}, expected was text")
        if len(token) > _LONGEST_TOKEN:
            raise TokenRefused(reason=f"it is longer than {_LONGEST_TOKEN} characters")
        try:
            header = jwt.get_unverified_header(token)
            key, algorithm = self._key(header)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=self._leeway,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, UnicodeError, RecursionError) as error:
            raise TokenRefused(reason=_reason(error)) from None
        return claims

    def _key(self, header: dict[str, Any]) -> tuple[str | jwt.PyJWK, str]:
        """The key for a token and its algorithm: each kind of key serves its own one alone."""
        algorithm = header.get("alg")
        if algorithm == SHARED and self._secret is not None:
            return self._secret, SHARED
        if algorithm in ASYMMETRIC and self._keys is not None:
            key = self._keys.find(header.get("kid"))
            if key.algorithm_name == algorithm:
                return key, key.algorithm_name
            raise TokenRefused(reason="its key is for another algorithm")
        raise TokenRefused(reason="it is signed by an algorithm that is not accepted")


class KeySet:
    """The public keys at an address, fetched when they are needed and kept for a while.

    Not PyJWT's own client: while the address fails, that one sends a request for every token and
    forgets keys that it has; and it reads answers of any size.

    Args:
        url: Address of a JSON Web Key Set.
        timeout: Seconds to wait for it.
        lifespan: Seconds after which keys are fetched again, while those that are known serve on.
        patience: Seconds for which keys stay valid while they cannot be fetched again.
        cooldown: Seconds between two attempts to fetch, for unknown keys or after a failure: a
            client that invents names of keys must not make us flood the issuer.

    Raises:
        BadTokenSettings: The address is not https, and not of this machine.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 5.0,
        lifespan: float = 300.0,
        patience: float = 3600.0,
        cooldown: float = 10.0,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise BadTokenSettings(reason=f"keys would come from {url}, expected was https://")
        self.url = url
        self._timeout = timeout
        self._lifespan = lifespan
        self._patience = patience
        self._cooldown = cooldown
        self._lock = threading.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = self._attempted = -math.inf
        self._failure = "no request was sent yet"

    def find(self, kid: object) -> jwt.PyJWK:
        """The key of a name.

        Raises:
            TokenRefused: There is none of that name.
            TokenKeysUnavailable: The keys cannot be fetched, and those fetched before are too old.
        """
        if not isinstance(kid, str):
            raise TokenRefused(reason="it does not name its key (kid)")
        now = time.monotonic()
        key, age = self._keys.get(kid), now - self._fetched
        if key is not None and age < self._lifespan + self._patience:
            # A key that is known is served at once, whatever the issuer does.
            if age >= self._lifespan:
                self._refresh_behind(now)
            return key
        with self._lock:
            now = time.monotonic()
            if now - self._fetched >= self._lifespan or kid not in self._keys:
                self._refresh(now)
            if now - self._fetched >= self._lifespan + self._patience:
                raise TokenKeysUnavailable(url=self.url, reason=self._failure)
            if kid not in self._keys:
                raise TokenRefused(reason="the issuer has no key of that name (kid)")
            return self._keys[kid]

    def _refresh_behind(self, now: float) -> None:
        """Fetch the keys in another thread, unless one does already or has just done so."""
        if now - self._attempted < self._cooldown or not self._lock.acquire(blocking=False):
            return

        def run() -> None:
            try:
                self._refresh(time.monotonic())
            finally:
                self._lock.release()

        try:
            threading.Thread(target=run, name="mivaa-schema keys", daemon=True).start()
        except RuntimeError:
            # No more threads can be started; the next token tries again.
            self._lock.release()

    def _refresh(self, now: float) -> None:
        if now - self._attempted < self._cooldown:
            return
        self._attempted = now
        try:
            self._keys = self._fetch()
            self._fetched = now
        except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
            if isinstance(error, HTTPError):
                error.close()
            self._failure = str(error) or type(error).__name__

    def _fetch(self) -> dict[str, jwt.PyJWK]:
        deadline = time.monotonic() + self._timeout
        answer = bytearray()
        with _OPENER.open(self.url, timeout=self._timeout) as response:
            # Piece by piece: a timeout of the socket alone would let it drip for ever.
            while piece := response.read1(65_536):
                answer += piece
                if len(answer) > _LONGEST_SET:
                    raise ValueError(f"the answer is longer than {_LONGEST_SET} bytes")
                if time.monotonic() > deadline:
                    raise TimeoutError("the answer takes too long")
        found = json.loads(answer)
        if not isinstance(found, dict) or not isinstance(found.get("keys"), list):
            raise ValueError("the answer is no JSON Web Key Set")
        keys = dict(filter(None, map(_public_key, found["keys"])))
        if not keys:
            raise ValueError("the answer holds no key that could verify a token")
        return keys


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow none: it could lead to where no https is, or into the own network."""


_OPENER = urllib.request.build_opener(_NoRedirect)


def _public_key(found: Any) -> tuple[str, jwt.PyJWK] | None:
    """A key and its name; None for one that does not verify tokens, such as one for encryption."""
    if not isinstance(found, dict) or found.get("use", "sig") != "sig":
        return None
    kid = found.get("kid")
    if not isinstance(kid, str):
        return None
    try:
        key = jwt.PyJWK(found)
    except (jwt.PyJWTError, TypeError, ValueError, AttributeError):
        return None
    return (kid, key) if key.algorithm_name in ASYMMETRIC else None


_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (jwt.ExpiredSignatureError, "it has expired"),
    (jwt.ImmatureSignatureError, "it is not valid yet"),
    (jwt.InvalidAudienceError, "it is meant for another audience"),
    (jwt.InvalidIssuerError, "it comes from another issuer"),
    (jwt.MissingRequiredClaimError, "it lacks a claim: exp, iss, aud and sub are required"),
    (jwt.InvalidSignatureError, "its signature is wrong"),
    (jwt.InvalidKeyError, "its key is not fit for use"),
)


def _reason(error: Exception) -> str:
    """What a client may know; PyJWT's own words can quote the token."""
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    return "it is no JSON Web Token that can be read"
