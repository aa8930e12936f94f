"""An address is understood in every spelling that people use, and refused without its password."""

from __future__ import annotations

import psycopg2.extensions
import pytest
import sqlalchemy as sa

from mivaa_schema.database import create_engine, database_url, server_name
from mivaa_schema.database.url import MalformedUrl, OtherDriver


def connection_arguments(text: str) -> dict[str, str]:
    """What libpq is told in the end."""
    engine = create_engine(database_url(text))
    told: dict[str, object] = {}

    @sa.event.listens_for(engine, "do_connect")
    def stop(_dialect, _record, _arguments, parameters):
        told.update(parameters)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        engine.connect()
    for name in ("application_name", "connect_timeout"):
        told.pop(name)
    # Through libpq itself: it must know every name.
    dsn = psycopg2.extensions.make_dsn(**told)
    return psycopg2.extensions.parse_dsn(dsn)


PLAIN = {"user": "me", "password": "pw", "host": "here", "port": "5433", "dbname": "db"}


@pytest.mark.parametrize(
    "text",
    [
        "postgres://me:pw@here:5433/db",
        "postgresql://me:pw@here:5433/db",
        "postgresql+psycopg2://me:pw@here:5433/db",
        "postgres+psycopg2://me:pw@here:5433/db",
        "POSTGRESQL://me:pw@here:5433/db",
        "  postgres://me:pw@here:5433/db\n",
        '"postgres://me:pw@here:5433/db"',
        "'postgres://me:pw@here:5433/db'",
        "postgres://here/db?user=me&password=pw&port=5433",
        "postgres://me:pw@/db?host=here&port=5433",
        "postgres://me@here:5433?dbname=db&password=pw",
        "host=here port=5433 dbname=db user=me password=pw",
        "user = me password = 'pw' host=here port=5433 dbname=db",
    ],
)
def test_spellings_of_one_address(text):
    assert connection_arguments(text) == PLAIN


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("p%40ss", "p@ss"),
        ("100%25", "100%"),
        ("%2F%3A%3F%23", "/:?#"),
        ("p@ss", "p@ss"),
        ("p@ss@word", "p@ss@word"),
        ("@", "@"),
        ("100%", "100%"),
        ("100%sure", "100%sure"),
        ("50%ff", "50%ff"),
        ("p:q:r", "p:q:r"),
        ("p/q", "p/q"),
        ("p@q/r@s", "p@q/r@s"),
        ("p?q", "p?q"),
        ("p#q", "p#q"),
        ("p@b?c", "p@b?c"),
        ("p+q", "p+q"),
        ("p q", "p q"),
        ("p&q=r", "p&q=r"),
        ("p[q]", "p[q]"),
        ("p'q\"r\\s", "p'q\"r\\s"),
        ("pässwörd", "pässwörd"),
        ("", ""),
    ],
)
def test_password_is_read_as_it_was_meant(typed, meant):
    found = database_url(f"postgresql://me.ref:{typed}@host.name-1.example:6543/db?sslmode=require")
    assert found.password == meant
    assert (found.username, found.host, found.port) == ("me.ref", "host.name-1.example", 6543)
    assert (found.database, found.query) == ("db", {"sslmode": "require"})
    if meant:
        assert (
            connection_arguments(found.render_as_string(hide_password=False))["password"] == meant
        )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://", {}),
        ("postgresql:///db", {"dbname": "db"}),
        ("postgresql://here", {"host": "here"}),
        ("postgresql://me@here/", {"user": "me", "host": "here"}),
        ("postgresql://me@%40odd/db", None),
        ("postgresql://[::1]:5433/db", {"host": "::1", "port": "5433", "dbname": "db"}),
        ("postgresql:///db?host=/run/pg", {"host": "/run/pg", "dbname": "db"}),
        ("postgresql:///db?host=/run/pg&port=1", {"host": "/run/pg", "port": "1", "dbname": "db"}),
        ("postgresql://me@%2Frun%2Fpg/db", {"user": "me", "host": "/run/pg", "dbname": "db"}),
        ("postgresql://me@%2Frun%2Fpg:1/db",
         {"user": "me", "host": "/run/pg", "port": "1", "dbname": "db"}),
        ("host=/run/pg dbname=db", {"host": "/run/pg", "dbname": "db"}),
        ("postgresql://a:1,b:2/db", {"host": "a,b", "port": "1,2", "dbname": "db"}),
        ("postgresql://a,b/db?target_session_attrs=read-write",
         {"host": "a,b", "port": ",", "dbname": "db", "target_session_attrs": "read-write"}),
        ("postgresql://h/db?options=-c%20geqo%3Doff", {"host": "h", "dbname": "db",
                                                      "options": "-c geqo=off"}),
        ("postgresql://h/db?options=-c+geqo%3Doff", {"host": "h", "dbname": "db",
                                                    "options": "-c geqo=off"}),
        ("postgresql://h/db?user=me@x.org", {"host": "h", "dbname": "db", "user": "me@x.org"}),
        ("postgresql://me:pw@h/db?options=-cx.y%3Da@b",
         {"user": "me", "password": "pw", "host": "h", "dbname": "db", "options": "-cx.y=a@b"}),
        ("postgresql://h/my%20db%2Fx", {"host": "h", "dbname": "my db/x"}),
        ("host=h password='a b\\'c'", {"host": "h", "password": "a b'c"}),
    ],
)  # fmt: skip
def test_forms_of_libpq_reach_libpq(text, expected):
    if expected is not None:
        assert connection_arguments(text) == expected
    else:
        assert server_name(database_url(text)) == "@odd"


@pytest.mark.parametrize(
    "scheme", ["mysql", "sqlite", "postgresql+asyncpg", "postgresql+psycopg", "jdbc:postgresql"]
)
def test_other_drivers_are_named(scheme):
    with pytest.raises(OtherDriver, match="psycopg2") as failure:
        database_url(f"{scheme}://me:hunter2@here/db")
    assert f"`{scheme}://`" in str(failure.value)
    assert "hunter2" not in str(failure.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "begins neither"),
        ("hunter2", "begins neither"),
        ("here/hunter2", "begins neither"),
        ("postgresql:/me:hunter2@here/db", "begins neither"),
        ("postgresql://me:hunter2@here:port/db", "no host:port"),
        ("postgresql://me:hunter2@here/db/more", "no host:port"),
        ("postgresql://me:hunter2@here/db?nonsense", "no host:port"),
        ("postgresql://me:hunter2@he re/db", "no host:port"),
        ("postgresql://me:hunter2@here:0/db", "1 to 65535"),
        ("postgresql://me:hunter2@here:70000/db", "1 to 65535"),
        ("postgresql://me:hunter2@here/db?bouncer=true", "no connection option `bouncer`"),
        ("host=here password=hunter2 secret", "no list of keyword=value"),
        ("host=here passwort=hunter2", "no list of keyword=value"),
        ("host=here port=x password=hunter2", "1 to 65535"),
    ],
)
def test_unreadable_address_says_why_without_the_password(text, reason):
    with pytest.raises(MalformedUrl, match=reason) as failure:
        database_url(text)
    assert "hunter2" not in str(failure.value)
    assert "DATABASE_URL" in str(failure.value)


def test_address_hides_its_password():
    assert "hunter2" not in str(database_url("postgres://me@here/db?password=hunter2"))
