"""The command `mivaa-schema`: each module here but `group` adds commands."""

import importlib.util
import pkgutil

from mivaa_schema.errors import ExtraMissing

if importlib.util.find_spec("click") is None:
    raise SystemExit(str(ExtraMissing(extra="migrate")))

from mivaa_schema.cli.group import main

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_module.name)

__all__ = ["main"]
