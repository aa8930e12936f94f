r"""An API that searches as the user of a request: it verifies a token, the database does the rest.

Run it with the extra ``fastapi`` and a server such as uvicorn::

    DATABASE_URL=postgresql://authenticator:password@host:5432/postgres \
    ISSUER=https://project.supabase.co/auth/v1 \
    uvicorn --factory examples.search_api:from_environment
"""

import os
import re
from collections.abc import Iterator
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AfterValidator, BaseModel, Field
from sqlalchemy import exc
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from mivaa_schema.database import database_url
from mivaa_schema.identity import Identity, guard, identify
from mivaa_schema.identity.errors import TokenKeysUnavailable, TokenRefused
from mivaa_schema.identity.tokens import TokenVerifier
from mivaa_schema.models import Document
from mivaa_schema.search import search_chunks

bearer = HTTPBearer(auto_error=False)


def storable(text: str) -> str:
    """A text, if PostgreSQL can keep it."""
    if found := re.search("[\0\ud800-\udfff]", text):
        code = f"U+{ord(found[0]):04X}"
        raise ValueError(f"character {found.start()} is {code}, which cannot be stored: remove it")
    return text


Text = Annotated[str, AfterValidator(storable)]


class Query(BaseModel):
    """What is searched for."""

    embedding: list[float]
    match_count: int = Field(default=10, ge=1, le=100)


class Hit(BaseModel):
    """A passage that was found."""

    id: UUID
    document_id: UUID
    content: str
    similarity: float


class NewDocument(BaseModel):
    """A document of the workspace that the request is for."""

    title: Text
    content: Text | None = None


def who_asks(
    request: Request,
    token: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    x_workspace_id: Annotated[UUID | None, Header()] = None,
) -> Identity:
    """The user of a verified token, and the workspace that the request names beside it."""
    if token is None:
        raise TokenRefused(reason="there is none in the header Authorization")
    verifier: TokenVerifier = request.app.state.verifier
    return verifier.identity(token.credentials, workspace_id=x_workspace_id)


Asking = Annotated[Identity, Depends(who_asks)]


def database(request: Request, identity: Asking) -> Iterator[Session]:
    """A session of a request; all its transactions have the identity of the request."""
    with identify(Session(request.app.state.engine), identity) as session:
        yield session


Database = Annotated[Session, Depends(database)]


def create_app(engine: Engine, verifier: TokenVerifier) -> FastAPI:
    """Make the application.

    Args:
        engine: Its login role may be ``authenticator``, which has no rights of its own.
        verifier: Of the issuer of the tokens.
    """
    app = FastAPI(title="Search")
    app.state.engine = guard(engine)
    app.state.verifier = verifier
    app.add_exception_handler(TokenRefused, _unauthorized)
    app.add_exception_handler(TokenKeysUnavailable, _unavailable)
    app.add_exception_handler(exc.DBAPIError, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)

    # Functions without async: they run in threads, where a driver and a verifier may block.
    @app.post("/search")
    def search(query: Query, session: Database) -> list[Hit]:
        # An empty one is none: the database says what a query needs.
        found = search_chunks(session, query.embedding or None, match_count=query.match_count)
        return [Hit.model_validate(hit, from_attributes=True) for hit in found]

    @app.get("/documents/{document_id}")
    def read(document_id: UUID, session: Database) -> dict[str, Any]:
        found = session.get(Document, document_id)
        if found is None:
            raise HTTPException(404, "There is no such document in this workspace.")
        return {"id": found.id, "title": found.title, "content": found.content}

    @app.post("/documents", status_code=201)
    def add(new: NewDocument, session: Database, identity: Asking) -> dict[str, UUID]:
        # Where there is none, or no right to write there, this is the error that says so.
        workspace = session.scalar(sa.func.mivaa.resolve_workspace(None, "write"))
        added = Document(workspace_id=workspace, user_id=identity.user_id, **new.model_dump())
        session.add(added)
        session.commit()
        return {"id": added.id}

    return app


def from_environment() -> FastAPI:
    """The application for a Supabase project, as uvicorn starts it."""
    issuer = os.environ["ISSUER"]
    verifier = TokenVerifier(issuer=issuer, jwks_url=f"{issuer}/.well-known/jwks.json")
    return create_app(sa.create_engine(database_url(os.environ["DATABASE_URL"])), verifier)


def _unauthorized(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 401, {"WWW-Authenticate": "Bearer"})


def _unavailable(_: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"detail": "Tokens cannot be verified now."}, 503, {"Retry-After": "10"})


def _malformed(_: Request, error: Any) -> JSONResponse:
    # Without what was sent, which FastAPI would repeat: NaN and halves of characters cannot be.
    kept = ("type", "loc", "msg")
    return JSONResponse({"detail": [{name: e[name] for name in kept} for e in error.errors()]}, 422)


_STATUS = {
    "42501": 403,
    "23505": 409,
    **dict.fromkeys(("22000", "22003", "22004", "22023", "54000"), 422),
}
"""What the database refuses, by SQLSTATE; its message is meant for the one who asked."""


def _refused(_: Request, error: Exception) -> JSONResponse:
    diagnosis: Any = getattr(getattr(error, "orig", None), "diag", None)
    status = _STATUS.get(diagnosis.sqlstate) if diagnosis else None
    if status is None:
        raise error
    body = {"detail": diagnosis.message_primary, "hint": diagnosis.message_hint}
    return JSONResponse({name: text for name, text in body.items() if text}, status)
