"""The files of docker/ fit together, as far as can be tested without Docker."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_postgresql.janitor import DatabaseJanitor

from fixtures.clusters import SUPERUSER, Servers
from fixtures.databases import Database, janitor_of

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
PINNED = re.compile(r"[\w./-]+:\d[\w.-]*\d[\w.-]*$")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


def dockerfile() -> list[tuple[str, str]]:
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines]


def test_images_are_pinned_to_a_version(compose: dict[str, Any]) -> None:
    images = [service["image"] for service in compose["services"].values() if "image" in service]
    images += [rest for word, rest in dockerfile() if word == "FROM"]
    assert len(images) == 2
    for image in images:
        assert PINNED.fullmatch(image), f"{image} names no version"


def test_the_database_keeps_its_data_and_says_when_it_is_ready(compose: dict[str, Any]) -> None:
    database = compose["services"]["database"]
    (volume,) = database["volumes"]
    name, path = volume.split(":")
    assert name in compose["volumes"]
    # The image of version 18 refuses a volume on its former folder, .../data.
    assert path == "/var/lib/postgresql"
    assert database["healthcheck"]["test"][:2] == ["CMD", "pg_isready"]


def test_the_port_is_open_to_this_machine_only(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), port


def test_the_job_waits_for_a_healthy_database_and_runs_once(compose: dict[str, Any]) -> None:
    job = compose["services"]["migrate"]
    assert job["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert job["restart"] == "no"
    assert (DOCKER / job["build"]["context"] / job["build"]["dockerfile"]).exists()


def test_there_is_no_secret_but_a_default_password_for_this_machine(
    compose: dict[str, Any],
) -> None:
    for service in compose["services"].values():
        for name, value in service["environment"].items():
            if "PASSWORD" in name:
                assert value == "${POSTGRES_PASSWORD:-mivaa-local}"
            else:
                assert re.fullmatch(r"postgresql://postgres@database:5432/postgres", value)


def test_whatever_the_image_copies_exists_and_is_let_through() -> None:
    ignore = (DOCKER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [
        path
        for word, rest in dockerfile()
        if word == "COPY"
        for path in [part for part in rest.split() if not part.startswith("--")][:-1]
    ]
    assert copied
    for path in copied:
        assert (ROOT / path).exists(), f"{path} does not exist"
        assert f"!{path}" in ignore, f"{path} is kept from the build by Dockerfile.dockerignore"


def test_the_image_does_not_run_as_root() -> None:
    users = [rest for word, rest in dockerfile() if word == "USER"]
    assert users
    assert users[-1] not in ("root", "0")


def test_the_entrypoint_is_the_file_that_is_copied() -> None:
    copied = [rest.split()[-2:] for word, rest in dockerfile() if word == "COPY"]
    (entrypoint,) = [rest for word, rest in dockerfile() if word == "ENTRYPOINT"]
    assert ["docker/entrypoint.sh", f"/usr/local/bin/{entrypoint[2:-2]}"] in copied


def enter(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        [DOCKER / "entrypoint.sh", *words],
        cwd=ROOT,
        env={"PATH": path, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_entrypoint_brings_a_plain_database_to_its_head(servers: Servers, major: int) -> None:
    janitor: DatabaseJanitor = janitor_of(servers, major, f"docker_{os.getpid()}", None)
    janitor.init()
    try:
        database = Database(servers, major, janitor.dbname)
        done = enter(DATABASE_URL=database.url(SUPERUSER))
        assert done.returncode == 0, done.stderr
        assert "installed: " in done.stdout
        done = enter("alembic", "current", DATABASE_URL=database.url(SUPERUSER))
        assert "(head)" in done.stdout
    finally:
        janitor.drop()


def test_the_entrypoint_asks_for_an_address() -> None:
    done = enter()
    assert done.returncode == 1
    assert "DATABASE_URL is not set" in done.stderr


def test_compose_reads_its_file() -> None:
    docker = shutil.which("docker")
    if (
        not docker
        or subprocess.run(
            [docker, "compose", "version"], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("no docker compose here")
    done = subprocess.run(
        [docker, "compose", "-f", DOCKER / "compose.yaml", "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
