"""Lets ``python -m mivaa_schema`` do what ``mivaa-schema`` does."""

from mivaa_schema.cli import main

main()
