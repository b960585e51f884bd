"""Which publication replaced which, and the publications of a record found by its patient (EXI 05)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the index. What was published before says nothing of what it replaced."""
    op.add_column("publications", sa.Column("replaces", sa.String(128), nullable=True))
    op.create_index("publications_patient", "publications", ["patient_value", "patient_oid"])


def downgrade() -> None:
    """Remove them."""
    op.drop_index("publications_patient", "publications")
    op.drop_column("publications", "replaces")
