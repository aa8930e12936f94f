"""The command `mivaa-schema`, one command a file."""

from importlib.util import find_spec

from mivaa_schema.errors import ExtraMissing

if find_spec("click") is None:
    raise SystemExit(str(ExtraMissing(extra="migrate")))

from mivaa_schema.cli import (
    freeze,
    platform_install,
    platform_status,
    preflight,
    repair,
    server_start,
    server_status,
    server_stop,
    server_url,
)
from mivaa_schema.cli.group import main

__all__ = [
    "freeze",
    "main",
    "platform_install",
    "platform_status",
    "preflight",
    "repair",
    "server_start",
    "server_status",
    "server_stop",
    "server_url",
]
