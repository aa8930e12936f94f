"""Why a revision cannot be drafted."""

# The names say what failed and the docstrings are messages, not summaries.

from __future__ import annotations

from mivaa_schema.errors import MivaaError


class FrozenFileMissing(MivaaError):
    """Revision {revision} creates {item}, whose file is not in its folder. An older revision's file
    serves a downgrade only: copy it to {file}, use it from there, and run `mivaa-schema freeze`
    again.
    """


class OtherRestored(MivaaError):
    """The downgrade of revision {revision} restores {item} with another definition than the last
    one, which is that of revision {defined_in}. Use FrozenSQL(__file__, revision={defined_in!r}),
    and run `mivaa-schema freeze` again.
    """


class NotDrafted(MivaaError):
    """No revision can be drafted for {item}: {reason}.
    Nothing was written. Correct the model or the SQL file, or write the revision by hand:
    `alembic revision -m "..."` gives it its form.
    """


class SqlFileRefused(MivaaError):
    """What {path} says cannot be used: {detail}
    Correct it, then run the same command again. Nothing was written.
    """


class DraftRefused(MivaaError):
    """The database does not accept what would be drafted for {item}: {detail}
    Nothing was written, and nothing was changed. Correct its definition, then run the same command
    again.
    """


class HeldUnderLock(MivaaError):
    """The draft would {what}. While that runs, everybody who uses the table waits.
    {advice} To have it drafted all the same: alembic -x allow=lock revision --autogenerate ...
    Nothing was written.
    """


class LooksLikeRename(MivaaError):
    """The column {old} is gone from the models and {new} is new, of the same type: if that is a new
    name, the draft would drop every value, and running applications would fail with either name.
    Keep the old column for now and draft the new one beside it; move the values and the
    applications; then drop the old one in a later revision. If the two have nothing to do with
    each other: alembic -x allow=replace revision --autogenerate ... Nothing was written.
    """


class DriftFound(MivaaError):
    """The database is not as the revisions made it; differences: {count}.
      {differences}
    `mivaa-schema drift --sql` prints the SQL that repairs them. Nothing was changed.
    """


class DraftIncomplete(MivaaError):
    """The draft does not say what the models and SQL files say about {items}, so it was removed.
    Write the revision by hand: `alembic revision -m "..."` gives it its form.
    """
