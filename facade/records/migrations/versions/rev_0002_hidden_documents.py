"""The worklist of documents still hidden from their patient (EXI 08)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from facade.records.utc_time import UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "hidden_documents",
        sa.Column("logical_id", sa.String(128), primary_key=True),
        sa.Column("patient_oid", sa.String(32), nullable=False),
        sa.Column("patient_value", sa.String(15), nullable=False),
        sa.Column("author_id", sa.String(128), nullable=False),
        sa.Column("structure_id", sa.String(32), nullable=False),
        sa.Column("since", UtcTime, nullable=False),
    )
    op.create_index("hidden_documents_author", "hidden_documents", ["author_id"])
    op.create_index("hidden_documents_structure", "hidden_documents", ["structure_id"])


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("hidden_documents")
