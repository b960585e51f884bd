"""The outbox of secure messaging, and who a document was sent to, in its trace."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from facade.records.utc_time import UtcTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, and the column of the traces."""
    op.add_column("traces", sa.Column("recipients", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "mail_messages",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("caller_id", sa.String(128), nullable=False),
        sa.Column("structure_id", sa.String(32), nullable=False),
        sa.Column("patient_oid", sa.String(32), nullable=False),
        sa.Column("patient_value", sa.String(15), nullable=False),
        sa.Column("audience", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(64), nullable=False),
        sa.Column("reply", sa.Integer, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("notice", sa.String(32), nullable=False),
        sa.Column("notice_code", sa.String(16), nullable=False),
        sa.Column("message_id", sa.String(128), nullable=False),
        sa.Column("envelope_id", sa.String(64), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("claim", sa.Integer, nullable=False),
        sa.Column("queued_at", UtcTime, nullable=False),
        sa.Column("next_at", UtcTime, nullable=False),
        sa.Column("changed_at", UtcTime, nullable=False),
        sa.Column("reservation_id", sa.String(36), nullable=True),
        sa.Column("request_key", sa.String(64), nullable=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("context", sa.LargeBinary, nullable=False),
        sa.Column("message", sa.LargeBinary, nullable=True),
        sa.UniqueConstraint("message_id", name="mail_messages_message_id"),
        sa.UniqueConstraint("envelope_id", name="mail_messages_envelope_id"),
        sa.UniqueConstraint("request_key", "rank", name="mail_messages_request"),
    )
    op.create_index("mail_messages_due", "mail_messages", ["state", "next_at"])
    op.create_index("mail_messages_structure", "mail_messages", ["structure_id", "queued_at"])
    op.create_index("mail_messages_reservation", "mail_messages", ["reservation_id"])


def downgrade() -> None:
    """Remove both."""
    op.drop_table("mail_messages")
    op.drop_column("traces", "recipients")
