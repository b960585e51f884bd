"""The changes under way, each as the trace it leaves should its process die (EXI 18)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from facade.records.utc_time import UtcTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TEXTS = (
    "person_id",
    "person_name",
    "local_id",
    "kind",
    "structure_id",
    "structure_name",
    "application",
    "patient_oid",
    "patient_value",
    "document",
    "document_unique_id",
    "act",
    "transaction",
    "purpose",
    "reason",
    "effect",
    "rule",
    "basis",
    "outcome",
    "outcome_code",
    "correlation_id",
)


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "intents",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("rank", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("since", UtcTime, nullable=False),
        sa.Column("time", UtcTime, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in _TEXTS),
        sa.Column("secret", sa.Boolean, nullable=False),
        sa.Column("on_behalf", sa.Boolean, nullable=True),
        sa.Column("recipients", sa.Text, nullable=False, server_default=""),
    )
    op.create_index("intents_since", "intents", ["since"])


def downgrade() -> None:
    """Remove it."""
    op.drop_table("intents")
