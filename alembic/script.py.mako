"""${title}.

Why: ...

How: ...

${draft.loses}

Revision ID: ${up_revision}
Revises: ${down_revision}
"""

${draft.imports}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None

${draft.definitions}


def upgrade() -> None:
    ${draft.upgrade or "pass"}


def downgrade() -> None:
    ${draft.downgrade or "pass"}
