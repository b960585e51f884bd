"""Supervision: how far the traces were looked through, alerts, and whose records are those of colleagues."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from facade.records.utc_time import UtcTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; the traces that exist already are looked through first."""
    state = op.create_table(
        "supervision",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("holder", sa.String(36), nullable=False),
        sa.Column("until", UtcTime, nullable=False),
    )
    op.bulk_insert(state, [{"id": 1, "seq": 0, "holder": "", "until": datetime.min.replace(tzinfo=UTC)}])
    op.create_table(
        "alerts",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("criterion", sa.String(32), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("person_id", sa.String(128), nullable=False),
        sa.Column("structure_id", sa.String(32), nullable=False),
        sa.Column("first", UtcTime, nullable=False),
        sa.Column("last", UtcTime, nullable=False),
        sa.Column("uses", sa.Integer, nullable=False),
        sa.Column("raised_at", UtcTime, nullable=False),
        sa.Column("suspends", sa.Boolean, nullable=False),
        sa.Column("notified_at", UtcTime, nullable=True),
        sa.Column("released_at", UtcTime, nullable=True),
        sa.Column("released_by", sa.Text, nullable=False),
        sa.Column("released_why", sa.Text, nullable=False),
    )
    op.create_index("alerts_structure", "alerts", ["structure_id", "raised_at"])
    op.create_index("alerts_person", "alerts", ["person_id", "structure_id", "criterion"])
    op.create_table(
        "staff",
        sa.Column("structure_id", sa.String(32), primary_key=True),
        sa.Column("mark", sa.String(64), primary_key=True),
    )


def downgrade() -> None:
    """Remove the tables."""
    for table in ("staff", "alerts", "supervision"):
        op.drop_table(table)
