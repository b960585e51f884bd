"""Preloads: orders, the sealed documents, and the uses that the limits of EXI 12 are counted by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from facade.records.utc_time import UtcTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "preloads",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("person_id", sa.String(128), nullable=False),
        sa.Column("structure_id", sa.String(32), nullable=False),
        sa.Column("patient_key", sa.String(64), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("due", UtcTime, nullable=True),
        sa.Column("closes", UtcTime, nullable=False),
        sa.Column("recorded", UtcTime, nullable=False),
        sa.Column("fetched", UtcTime, nullable=True),
        sa.Column("expires", UtcTime, nullable=True),
        sa.Column("settled", UtcTime, nullable=True),
        sa.Column("holder", sa.String(36), nullable=True),
        sa.Column("leased_until", UtcTime, nullable=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("matched", sa.Integer, nullable=True),
        sa.Column("outcome", sa.String(64), nullable=False),
    )
    op.create_index("preloads_person", "preloads", ["person_id", "recorded"])
    op.create_index("preloads_state", "preloads", ["state", "due"])
    op.create_index("preloads_patient", "preloads", ["patient_key"])
    op.create_table(
        "preloaded_documents",
        sa.Column("preload_id", sa.String(64), sa.ForeignKey("preloads.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("document_key", sa.String(64), primary_key=True),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=True),
    )
    op.create_index("preloaded_documents_key", "preloaded_documents", ["document_key"])
    op.create_table(
        "preload_uses",
        sa.Column("person_id", sa.String(128), primary_key=True),
        sa.Column("patient_key", sa.String(64), primary_key=True),
        sa.Column("document_key", sa.String(64), primary_key=True),
        sa.Column("at", UtcTime, nullable=False),
    )
    op.create_index("preload_uses_at", "preload_uses", ["at"])


def downgrade() -> None:
    """Remove the tables."""
    op.drop_table("preload_uses")
    op.drop_table("preloaded_documents")
    op.drop_table("preloads")
