#!/bin/sh
set -eu
if [ -z "${DATABASE_URL:-}" ]; then
  echo "DATABASE_URL is not set; expected the address of a database, postgresql://..." >&2
  exit 1
fi
if [ "$#" -gt 0 ]; then
  exec "$@"
fi
mivaa-schema platform install
exec alembic upgrade head
