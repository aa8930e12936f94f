"""${draft.title}.

Why: ...

How: ...

${draft.losses}

Revision ID: ${up_revision}
Revises: ${down_revision}
"""

${draft.imports}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None

${draft.constants}


def upgrade() -> None:
    ${draft.upgrade}


def downgrade() -> None:
    ${draft.downgrade}
