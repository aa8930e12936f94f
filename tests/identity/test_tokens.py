"""TokenVerifier: which tokens are accepted, and what happens when the issuer's server fails."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fixtures.issuer import (
    EC,
    ISSUER,
    OTHER_EC,
    RSA,
    SECRET,
    USER,
    KeyServer,
    claims,
    key_server,
    public,
    say,
    signed,
)
from mivaa_schema.identity import tokens
from mivaa_schema.identity.errors import (
    BadIdentity,
    BadTokenSettings,
    TokenKeysUnavailable,
    TokenRefused,
)
from mivaa_schema.identity.tokens import KeySet, TokenVerifier

NORTH = uuid.UUID("00000000-0000-4000-8000-000000000001")

OF_SECRET = TokenVerifier(issuer=ISSUER, secret=SECRET)


@pytest.fixture
def keys() -> Iterator[KeyServer]:
    with key_server() as server:
        yield server


@pytest.fixture
def verifier(keys: KeyServer) -> TokenVerifier:
    """As for a project that has signing keys, and still its legacy secret."""
    return TokenVerifier(issuer=ISSUER, secret=SECRET, jwks_url=keys.url, timeout=0.5)


def refused(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(TokenRefused) as caught:
        verifier.identity(token)
    assert token not in str(caught.value)
    return str(caught.value)


# What is believed.


def test_a_token_of_each_kind_of_key_is_believed(verifier: TokenVerifier) -> None:
    for token in (signed(), signed(EC, "ES256", "ec"), signed(RSA, "RS256", "rsa")):
        identity = verifier.identity(token)
        assert identity.user_id == USER
        assert identity.role == "authenticated"
        assert identity.claims["email"] == "ada@example.org"


def test_the_workspace_of_the_request_goes_with_it() -> None:
    assert OF_SECRET.identity(signed(), workspace_id=NORTH).workspace_id == NORTH
    assert OF_SECRET.identity(signed(), workspace_id=str(NORTH)).workspace_id == NORTH
    with pytest.raises(BadIdentity, match="workspace"):
        OF_SECRET.identity(signed(), workspace_id="no uuid")


def test_all_claims_are_kept() -> None:
    more = {"workspace_id": str(NORTH), "app_metadata": {"provider": "email"}}
    token = signed(**more)
    assert OF_SECRET.identity(token).claims == OF_SECRET.claims(token)
    assert OF_SECRET.claims(token).items() >= more.items()


def test_one_of_several_audiences_is_enough() -> None:
    assert OF_SECRET.identity(signed(aud=["other", "authenticated"])).user_id == USER


def test_clocks_may_differ_a_little() -> None:
    now = int(time.time())
    assert OF_SECRET.identity(signed(exp=now - 5, iat=now + 5, nbf=now + 5)).user_id == USER
    strict = TokenVerifier(issuer=ISSUER, secret=SECRET, leeway=0)
    assert "expired" in refused(strict, signed(exp=now - 5))


# What is not.


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"exp": 1_000_000_000}, "expired"),
        ({"exp": None}, "lacks a claim"),
        ({"exp": "soon"}, "no JSON Web Token"),
        ({"nbf": 4_000_000_000}, "not valid yet"),
        ({"iat": 4_000_000_000}, "not valid yet"),
        ({"iss": "https://evil.example/auth/v1"}, "another issuer"),
        ({"iss": ISSUER + "/"}, "another issuer"),
        ({"iss": None}, "lacks a claim"),
        ({"aud": "other"}, "another audience"),
        ({"aud": []}, "lacks a claim"),
        ({"aud": None}, "lacks a claim"),
        ({"sub": None}, "lacks a claim"),
        ({"sub": "no uuid"}, "no UUID"),
        ({"sub": ""}, "no UUID"),
        ({"role": "service_role"}, "service_role"),
        ({"role": "postgres"}, "postgres"),
        ({"role": "anon"}, "names no user"),
        ({"user_metadata": {"name": "a\0b"}}, "code 0"),
    ],
    ids=repr,
)
def test_a_claim_that_does_not_fit_is_refused(more: dict[str, Any], reason: str) -> None:
    assert reason in refused(OF_SECRET, signed(**more))


def test_the_keys_of_a_project_are_no_tokens_of_users() -> None:
    """Supabase's anon and service_role keys are tokens too, signed with the same secret."""
    for role in ("anon", "service_role"):
        key = jwt.encode(
            {"iss": "supabase", "ref": "project", "role": role, "exp": int(time.time()) + 60},
            SECRET,
            "HS256",
        )
        refused(OF_SECRET, key)


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "...", "a.b.c", "Bearer x", "\0", "é.é.é", "a" * 20_000, "{}.{}.{}"],
    ids=lambda token: token[:8],
)
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(TokenRefused):
        OF_SECRET.identity(token)


def test_a_changed_token_is_refused() -> None:
    head, _, signature = signed().split(".")
    body = (
        base64.urlsafe_b64encode(json.dumps(claims(sub=str(NORTH))).encode()).decode().rstrip("=")
    )
    assert "signature" in refused(OF_SECRET, f"{head}.{body}.{signature}")


def test_another_secret_is_refused() -> None:
    assert "signature" in refused(OF_SECRET, signed("another-secret-that-has-at-least-32-bytes"))


def test_a_key_that_is_not_the_named_one_is_refused(verifier: TokenVerifier) -> None:
    assert "signature" in refused(verifier, signed(OTHER_EC, "ES256", "ec"))
    assert "another algorithm" in refused(verifier, signed(EC, "ES256", "rsa"))
    assert "another algorithm" in refused(verifier, signed(RSA, "RS256", "ec"))
    assert "kid" in refused(verifier, signed(EC, "ES256"))


def test_no_signature_is_refused(verifier: TokenVerifier) -> None:
    for algorithm in ("none", "None", "NONE", ""):
        refused(verifier, forged({"alg": algorithm, "typ": "JWT"}, b""))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512", "PS256", "RS512", "ES384", "EdDSA"])
def test_an_algorithm_that_is_not_pinned_is_refused(
    verifier: TokenVerifier, algorithm: str
) -> None:
    assert "not accepted" in refused(verifier, forged({"alg": algorithm, "kid": "rsa"}, b"x"))


def test_a_public_key_is_no_secret(verifier: TokenVerifier, keys: KeyServer) -> None:
    """The classic: sign by HS256, with what everybody can read at the issuer's address."""
    pem = RSA.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for secret in (pem, pem.strip(), json.dumps(public(RSA, "rsa")).encode()):
        token = forged({"alg": "HS256", "kid": "rsa", "typ": "JWT"}, secret)
        assert "signature" in refused(verifier, token)
        without = TokenVerifier(issuer=ISSUER, jwks_url=keys.url)
        assert "not accepted" in refused(without, token)


def test_a_secret_among_the_public_keys_is_not_used(
    verifier: TokenVerifier, keys: KeyServer
) -> None:
    secret = b"a-secret-that-was-published-by-mistake-32"
    k = base64.urlsafe_b64encode(secret).decode().rstrip("=")
    keys.keys.append({"kty": "oct", "kid": "oct", "k": k, "alg": "HS256"})
    assert "signature" in refused(verifier, forged({"alg": "HS256", "kid": "oct"}, secret))
    refused(verifier, forged({"alg": "ES256", "kid": "oct"}, secret))


def test_a_key_that_a_token_brings_along_is_not_used(verifier: TokenVerifier) -> None:
    token = jwt.encode(
        claims(),
        OTHER_EC,
        "ES256",
        headers={
            "kid": "ec",
            "jwk": public(OTHER_EC, "ec"),
            "jku": "https://evil.example/keys",
            "x5u": "https://evil.example/keys",
        },
    )
    assert "signature" in refused(verifier, token)


def test_a_token_of_a_key_is_refused_where_only_a_secret_is_known() -> None:
    assert "not accepted" in refused(OF_SECRET, signed(EC, "ES256", "ec"))


def forged(header: dict[str, Any], secret: bytes) -> str:
    """A token whose header says anything, signed by HMAC; unsigned without a secret."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in (header, claims())
    ]
    signature = hmac.new(secret, b".".join(parts), hashlib.sha256).digest() if secret else b""
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


# How a verifier is set up.


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"secret": "too short"},
        {"secret": ""},
        {"secret": SECRET, "issuer": ""},
        {"secret": SECRET, "audience": ""},
        {"jwks_url": "http://project.supabase.co/keys"},
        {"jwks_url": "file:///etc/passwd"},
        {"jwks_url": "ftp://127.0.0.1/keys"},
        {"jwks_url": "http://127.0.0.1.evil.example/keys"},
        {"jwks_url": ""},
    ],
    ids=repr,
)
def test_an_unsafe_set_up_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(BadTokenSettings):
        TokenVerifier(**{"issuer": ISSUER, **settings})


def test_a_secret_is_not_shown() -> None:
    assert SECRET not in repr(OF_SECRET)
    assert SECRET not in repr(vars(OF_SECRET).keys())


def test_without_the_extra_the_error_names_it() -> None:
    code = "import sys; sys.modules['jwt'] = None; import mivaa_schema.identity.tokens"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'mivaa-schema[jwt]'" in done.stderr


def test_without_the_extras_identity_can_be_imported() -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['jwt', 'greenlet', 'asyncpg', 'psycopg']));"
        "import mivaa_schema.identity"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# The server of keys misbehaves.


def unavailable(verifier: TokenVerifier) -> str:
    with pytest.raises(TokenKeysUnavailable) as caught:
        verifier.identity(signed(EC, "ES256", "ec"))
    return str(caught.value)


def answering(status: int, body: bytes, **headers: str) -> Any:
    return lambda request: say(request, body, status, **headers)


def hang_up(request: BaseHTTPRequestHandler) -> None:
    request.connection.close()


def half(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b'{"keys": [')
    request.close_connection = True


# What would do if it came from there, in time, and in fewer bytes.
GOOD = json.dumps({"keys": [public(EC, "ec")]}).encode()


def elsewhere(request: BaseHTTPRequestHandler) -> None:
    if request.path == "/elsewhere":
        say(request, GOOD)
    else:
        say(request, b"", 302, Location="/elsewhere")


def long(request: BaseHTTPRequestHandler) -> None:
    say(request, b" " * 1_000_000 + GOOD)


def drip(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    for _ in range(20):
        request.wfile.write(b" ")
        request.wfile.flush()
        time.sleep(0.05)
    request.wfile.write(GOOD)


def silence(_: BaseHTTPRequestHandler) -> None:
    time.sleep(1.5)


@pytest.mark.parametrize(
    "answer",
    [
        answering(500, b""),
        answering(404, b"no such page"),
        answering(401, b"{}"),
        elsewhere,
        answering(301, b"", Location="file:///etc/passwd"),
        answering(200, b""),
        answering(200, b"<html>maintenance</html>"),
        answering(200, b"\xff\xfe"),
        answering(200, b"null"),
        answering(200, b"[]"),
        answering(200, b"{}"),
        answering(200, b'{"keys": null}'),
        answering(200, b'{"keys": []}'),
        answering(200, b'{"keys": [null, 7, "x", [], {}]}'),
        answering(200, b'{"keys": [{"kty": "EC", "kid": "ec"}]}'),
        answering(200, b'{"keys": [{"kty": "RSA", "kid": "rsa", "n": "!", "e": 1}]}'),
        answering(200, b"[" * 100_000),
        hang_up,
        half,
        long,
        drip,
        silence,
    ],
    ids=lambda answer: getattr(answer, "__name__", ""),
)
def test_whatever_it_answers_is_one_error_that_names_the_address(
    keys: KeyServer, answer: Any
) -> None:
    keys.answer = answer
    verifier = TokenVerifier(issuer=ISSUER, jwks_url=keys.url, timeout=0.3)
    assert keys.url in unavailable(verifier)


def test_a_server_that_is_unavailable_is_the_same_error(keys: KeyServer) -> None:
    gone = TokenVerifier(issuer=ISSUER, jwks_url="http://127.0.0.1:1/keys")
    assert "127.0.0.1:1" in unavailable(gone)


def test_keys_of_others_beside_the_own_do_not_matter(
    verifier: TokenVerifier, keys: KeyServer
) -> None:
    other_curve = ec.generate_private_key(ec.SECP384R1())
    keys.keys[:0] = [
        None,
        {},
        {"kty": "OKP", "crv": "Ed25519", "x": "x", "kid": "ed"},
        {"kty": "EC", "crv": "P-999", "kid": "odd", "x": "x", "y": "y"},
        public(other_curve, "384", alg="ES384"),
        public(EC, "for encryption", use="enc"),
        {**public(EC, "nameless"), "kid": None},
    ]
    assert verifier.identity(signed(EC, "ES256", "ec")).user_id == USER
    for kid in ("for encryption", "384", "odd", "ed"):
        assert "no key of that name" in refused(verifier, signed(EC, "ES256", kid))


def test_a_secret_works_while_the_server_is_unavailable(
    verifier: TokenVerifier, keys: KeyServer
) -> None:
    keys.answer = answering(500, b"")
    assert verifier.identity(signed()).user_id == USER
    assert keys.asked == 0


def test_keys_are_fetched_once_for_many_tokens(verifier: TokenVerifier, keys: KeyServer) -> None:
    for _ in range(5):
        verifier.identity(signed(EC, "ES256", "ec"))
        verifier.identity(signed(RSA, "RS256", "rsa"))
    assert keys.asked == 1


def test_names_of_keys_that_are_made_up_do_not_flood_the_server(keys: KeyServer) -> None:
    known = KeySet(keys.url, cooldown=3600)
    known.find("ec")
    for number in range(20):
        with pytest.raises(TokenRefused):
            known.find(f"made up {number}")
    assert keys.asked == 1


def test_a_server_that_fails_is_not_asked_for_every_token(keys: KeyServer) -> None:
    known = KeySet(keys.url, cooldown=3600)
    keys.answer = answering(500, b"")
    for _ in range(20):
        with pytest.raises(TokenKeysUnavailable):
            known.find("ec")
    assert keys.asked == 1


def test_the_server_is_asked_every_ten_seconds_at_most(
    verifier: TokenVerifier, keys: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(tokens, "time", SimpleNamespace(monotonic=lambda: now[0]))
    verifier.identity(signed(EC, "ES256", "ec"))
    for seconds, asked in ((0, 1), (9.9, 1), (0.2, 2), (9.9, 2), (0.2, 3)):
        now[0] += seconds
        refused(verifier, signed(EC, "ES256", "made up"))
        assert keys.asked == asked


def test_a_new_key_is_found_once_it_may_be_asked_for_again(keys: KeyServer) -> None:
    known = KeySet(keys.url, cooldown=0)
    known.find("ec")
    keys.keys = [public(OTHER_EC, "new")]
    assert known.find("new").key_id == "new"
    with pytest.raises(TokenRefused):
        known.find("ec")
    assert keys.asked == 3


def test_keys_stay_good_for_a_while_when_the_server_fails(keys: KeyServer) -> None:
    known = KeySet(keys.url, lifespan=0, cooldown=0, patience=60)
    known.find("ec")
    keys.answer = answering(500, b"")
    assert known.find("ec").key_id == "ec"
    until(lambda: keys.asked == 2)


def until(is_so: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_known_keys_are_served_while_the_address_hangs(keys: KeyServer) -> None:
    known = KeySet(keys.url, lifespan=0, cooldown=0, timeout=30)
    known.find("ec")
    going_on = threading.Event()

    def hang(handler: Any) -> None:
        going_on.wait(60)

    keys.answer = hang

    def invent() -> None:
        with contextlib.suppress(TokenRefused, TokenKeysUnavailable):
            known.find("invented")

    invented = threading.Thread(target=invent)
    try:
        assert known.find("ec").key_id == "ec"
        until(lambda: keys.asked == 2)
        invented.start()
        start = time.monotonic()
        for _ in range(100):
            assert known.find("ec").key_id == "ec"
        assert time.monotonic() - start < 20, "it waits for the address"
    finally:
        going_on.set()
        invented.join()


@pytest.mark.parametrize("token", [None, 5, b"bytes", ["a"]], ids=repr)
def test_what_is_no_text_is_refused(verifier: TokenVerifier, token: Any) -> None:
    with pytest.raises(TokenRefused, match="expected was text"):
        verifier.identity(token)


def test_keys_do_not_stay_good_for_ever(keys: KeyServer) -> None:
    known = KeySet(keys.url, lifespan=0, cooldown=0, patience=0)
    keys.answer = answering(500, b"")
    with pytest.raises(TokenKeysUnavailable, match="500"):
        known.find("ec")


def test_a_key_that_was_withdrawn_is_forgotten(keys: KeyServer) -> None:
    known = KeySet(keys.url, lifespan=0, cooldown=0)
    known.find("ec")
    keys.keys = [public(RSA, "rsa")]
    # This token is served the key that is known, and the next one the new ones.
    known.find("ec")
    until(lambda: "ec" not in known._keys)
    with pytest.raises(TokenRefused):
        known.find("ec")


def test_threads_fetch_the_keys_once(verifier: TokenVerifier, keys: KeyServer) -> None:
    token = signed(EC, "ES256", "ec")
    found: list[Any] = []
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        found.append(verifier.identity(token).user_id)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [USER] * 8
    assert keys.asked == 1
