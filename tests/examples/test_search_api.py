"""examples/search_api.py through HTTP, on a real database."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from examples import search_api
from fixtures.clusters import Kind
from fixtures.databases import Database
from fixtures.identities import POOL_OF_ONE, address
from fixtures.issuer import EC, ISSUER, SECRET, KeyServer, key_server, signed
from fixtures.people import Person, World
from fixtures.shelves import CHUNKS, DOCUMENTS, Shelf
from fixtures.vectors import clustered
from mivaa_schema.identity.tokens import TokenVerifier

W = World()


@pytest.fixture(scope="session")
def library(
    platform_kind: Kind,
    clone: Callable[..., Database],
    world_template: Callable[[int], str],
) -> tuple[Database, Shelf, Shelf]:
    """A world whose two workspaces hold the same vectors."""
    made = clone(platform_kind.major, world_template(platform_kind.major))
    vectors = clustered(np.random.default_rng(5), 8, subjects=2, topics=2)
    shelves = Shelf("A", vectors), Shelf("B", vectors)
    with made.owner() as connection:
        for shelf in shelves:
            shelf.fill(connection)
    return made, *shelves


@pytest.fixture
def keys() -> Iterator[KeyServer]:
    with key_server() as server:
        yield server


@pytest.fixture
def api(library: Any, keys: KeyServer) -> Iterator[TestClient]:
    """The application, with a single connection that logs in as the API does."""
    url = address(library[0], "psycopg2", "authenticator")
    engine = sa.create_engine(url, **POOL_OF_ONE)
    verifier = TokenVerifier(issuer=ISSUER, secret=SECRET, jwks_url=keys.url)
    with TestClient(
        search_api.create_app(engine, verifier), raise_server_exceptions=False
    ) as client:
        yield client
    engine.dispose()


def bearer(person: Person, workspace: uuid.UUID | None = None, **token: Any) -> dict[str, str]:
    """The headers of a request."""
    claims = {name: value for name, value in person.claims.items() if name != "role"}
    headers = {"Authorization": f"Bearer {signed(**token, **claims)}"}
    return headers | ({"X-Workspace-Id": str(workspace)} if workspace else {})


@contextmanager
def suspended(made: Database, person: Person) -> Iterator[None]:
    """Suspend all memberships of a user for a while; the library is shared by all tests here."""
    status = sa.text("update public.workspace_members set status = :status where user_id = :user")
    with made.owner() as owner:
        owner.execute(status, {"status": "suspended", "user": person.id})
    try:
        yield
    finally:
        with made.owner() as owner:
            owner.execute(status, {"status": "active", "user": person.id})


def found(api: TestClient, shelf: Shelf, headers: dict[str, str]) -> set[uuid.UUID]:
    body = {"embedding": shelf.vectors[0].tolist(), "match_count": 5}
    answer = api.post("/search", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return {uuid.UUID(hit["id"]) for hit in answer.json()}


def ids(shelf: Shelf, function: str = CHUNKS) -> set[uuid.UUID]:
    return set(shelf.ids(function, range(len(shelf.vectors))))


def test_a_search_finds_what_is_the_askers_own(api: TestClient, library: Any) -> None:
    _, a, b = library
    assert found(api, a, bearer(Person("viewer"))) <= ids(a)
    assert found(api, a, bearer(Person("owner_of_b"))) <= ids(b)
    assert len(found(api, a, bearer(Person("viewer")))) > 0


def test_the_header_chooses_the_workspace(api: TestClient, library: Any) -> None:
    _, a, b = library
    both = Person("both")
    assert found(api, a, bearer(both, W.a)) <= ids(a)
    assert found(api, a, bearer(both, W.b)) <= ids(b)
    body = {"embedding": a.vectors[0].tolist()}
    without = api.post("/search", json=body, headers=bearer(both))
    assert without.status_code == 403
    assert "no workspace" in without.json()["detail"]
    foreign = api.post("/search", json=body, headers=bearer(Person("viewer"), W.b))
    assert foreign.status_code == 403
    malformed = api.post("/search", json=body, headers=bearer(both) | {"X-Workspace-Id": "no uuid"})
    assert malformed.status_code == 422


def test_a_token_of_a_signing_key_is_believed(api: TestClient, library: Any) -> None:
    headers = bearer(Person("viewer"), key=EC, algorithm="ES256", kid="ec")
    assert found(api, library[1], headers)


def test_a_document_of_another_workspace_is_not_there(api: TestClient, library: Any) -> None:
    _, a, b = library
    viewer = bearer(Person("viewer"))
    own, foreign = (f"/documents/{shelf.id(DOCUMENTS, 0)}" for shelf in (a, b))
    assert api.get(own, headers=viewer).json()["title"] == "Title 0"
    assert api.get(foreign, headers=viewer).status_code == 404
    assert api.get(foreign, headers=bearer(Person("owner_of_b"))).status_code == 200


def test_a_viewer_cannot_add_a_document_and_an_editor_can(api: TestClient) -> None:
    new = {"title": "New", "content": "Text"}
    refused = api.post("/documents", json=new, headers=bearer(Person("viewer")))
    assert refused.status_code == 403
    added = api.post("/documents", json=new, headers=bearer(Person("editor")))
    assert added.status_code == 201
    document = f"/documents/{added.json()['id']}"
    assert api.get(document, headers=bearer(Person("viewer"))).json()["content"] == "Text"
    assert api.get(document, headers=bearer(Person("owner_of_b"))).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic eA=="},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer x.y.z"},
        {"Authorization": f"Bearer {signed('another-secret-that-has-at-least-32-bytes')}"},
        {"Authorization": f"Bearer {signed(exp=1)}"},
        {"Authorization": f"Bearer {signed(role='service_role')}"},
    ],
    ids=["none", "basic", "empty", "no token", "another secret", "expired", "service"],
)
def test_without_a_valid_token_the_answer_is_401(api: TestClient, headers: dict[str, str]) -> None:
    answer = api.get(f"/documents/{W.a}", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_while_the_keys_are_unavailable_the_answer_is_503(api: TestClient, keys: KeyServer) -> None:
    def fail(request: Any) -> None:
        request.send_error(500)

    keys.answer = fail
    headers = bearer(Person("viewer"), key=EC, algorithm="ES256", kid="ec")
    answer = api.get(f"/documents/{W.a}", headers=headers)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


def test_a_query_of_other_dimensions_is_422_and_says_why(api: TestClient) -> None:
    answer = api.post("/search", json={"embedding": [1.0]}, headers=bearer(Person("viewer")))
    assert answer.status_code == 422
    assert "768" in answer.json()["detail"]


def test_a_document_without_a_workspace_is_403_and_says_what_to_send(
    api: TestClient, library: Any
) -> None:
    both = Person("both")
    refused = api.post("/documents", json={"title": "Where?"}, headers=bearer(both))
    assert refused.status_code == 403
    assert "no workspace" in refused.json()["detail"]
    assert "x-workspace-id" in refused.json()["hint"]
    added = api.post("/documents", json={"title": "In A"}, headers=bearer(both, W.a))
    assert added.status_code == 201, added.text
    # Who has left has none either, whatever the token says.
    editor, headers = Person("second_editor"), bearer(Person("second_editor", W.a))
    with suspended(library[0], editor):
        refused = api.post("/documents", json={"title": "Left"}, headers=headers)
        assert refused.status_code == 403
        assert "no workspace" in refused.json()["detail"]
    assert api.post("/documents", json={"title": "Back"}, headers=headers).status_code == 201


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ("[]", "no query vector"),
        ("[NaN]", "NaN"),
        ("[Infinity]", "infinite"),
        ("[1e300]", "out of range"),
        (str([0] * 768), "all zeros"),
        (str([1] * 20_000), "16000 dimensions"),
    ],
    ids=["empty", "not a number", "infinite", "too large", "no direction", "too long"],
)
def test_a_query_that_is_no_vector_is_422_and_says_why(
    api: TestClient, numbers: str, said: str
) -> None:
    headers = bearer(Person("viewer")) | {"Content-Type": "application/json"}
    answer = api.post("/search", content=f'{{"embedding": {numbers}}}', headers=headers)
    assert answer.status_code == 422, answer.text
    assert said in answer.json()["detail"]


def test_an_empty_query_is_told_what_was_expected(api: TestClient) -> None:
    answer = api.post("/search", json={"embedding": []}, headers=bearer(Person("viewer")))
    assert "768" in answer.json()["hint"]


@pytest.mark.parametrize("field", ["title", "content"])
@pytest.mark.parametrize(
    ("text", "said"),
    [("a\\u0000b", "U+0000"), ("\\ud83d.", "U+D83D")],
    ids=["NUL", "half a character"],
)
def test_text_that_cannot_be_stored_is_422_and_says_which(
    api: TestClient, field: str, text: str, said: str
) -> None:
    headers = bearer(Person("editor")) | {"Content-Type": "application/json"}
    body = '{"title": "Good", "content": "\\u00e4"}'
    assert api.post("/documents", content=body, headers=headers).status_code == 201
    bad = body.replace({"title": "Good", "content": "\\u00e4"}[field], text)
    answer = api.post("/documents", content=bad, headers=headers)
    assert answer.status_code == 422, answer.text
    (detail,) = answer.json()["detail"]
    assert detail["loc"] == ["body", field]
    assert said in detail["msg"]


def test_requests_at_once_never_mix(api: TestClient, library: Any) -> None:
    _, a, b = library
    wrong: list[Any] = []

    def ask(name: str, shelf: Shelf) -> None:
        for _ in range(15):
            hits = found(api, a, bearer(Person(name)))
            if not hits or not hits <= ids(shelf):
                wrong.append((name, hits))

    threads = [
        threading.Thread(target=ask, args=pair) for pair in [("viewer", a), ("owner_of_b", b)] * 2
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_revoked_membership_ends_while_the_token_is_still_good(
    api: TestClient, library: Any
) -> None:
    made, a, _ = library
    headers = bearer(Person("second_editor", W.a))
    assert found(api, a, headers)
    with suspended(made, Person("second_editor")):
        answer = api.post("/search", json={"embedding": a.vectors[0].tolist()}, headers=headers)
        assert answer.status_code == 403
    assert found(api, a, headers)
