"""The first tables: traces with their chain, consents, publications, pairings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from facade.records.utc_time import UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TRACE_TEXTS_BEFORE_SECRET = (
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
_GENESIS = "0" * 64


def upgrade() -> None:
    """Create everything, and the head of an empty chain."""
    _create_traces()
    _create_consents()
    _create_publications()
    op.create_table(
        "pairings",
        sa.Column("application", sa.String(128), primary_key=True),
        sa.Column("external_id", sa.String(128), primary_key=True),
        sa.Column("patient_oid", sa.String(32), primary_key=True),
        sa.Column("patient_value", sa.String(15), primary_key=True),
        sa.Column("relation", sa.String(16), nullable=False),
        sa.Column("may_feed", sa.Boolean, nullable=False),
        sa.Column("may_read", sa.Boolean, nullable=False),
    )


def downgrade() -> None:
    """Refuse: going back would destroy traces that the law wants kept (EXI 18)."""
    raise RuntimeError("the first revision cannot be undone: it holds the traces")


def _create_traces() -> None:
    op.create_table(
        "traces",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("time", UtcTime, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in _TRACE_TEXTS_BEFORE_SECRET),
        sa.Column("secret", sa.Boolean, nullable=False),
        sa.Column("on_behalf", sa.Boolean, nullable=True),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("traces_patient", "traces", ["patient_value", "patient_oid", "time"])
    op.create_index("traces_person", "traces", ["person_id", "seq"])
    op.create_index("traces_time", "traces", ["time"])
    head = op.create_table(
        "trace_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": _GENESIS}])
    op.create_table(
        "trace_anchors",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("removed", sa.Integer, nullable=False),
        sa.Column("time", UtcTime, nullable=False),
    )


def _create_consents() -> None:
    op.create_table(
        "consents",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("category", sa.String(32), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("patient_oid", sa.String(32), nullable=False),
        sa.Column("patient_value", sa.String(15), nullable=False),
        sa.Column("structure_id", sa.String(32), nullable=False),
        sa.Column("professional_id", sa.String(32), nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("information_case", sa.Integer, nullable=True),
        sa.Column("informed_at", UtcTime, nullable=True),
        sa.Column("recorded", UtcTime, nullable=False),
        sa.Column("recorder_id", sa.String(128), nullable=False),
    )
    op.create_index("consents_patient", "consents", ["patient_value", "patient_oid"])


def _create_publications() -> None:
    op.create_table(
        "submissions",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("caller_id", sa.String(128), nullable=False),
        sa.Column("structure_id", sa.String(32), nullable=False),
        sa.Column("key_digest", sa.String(64), nullable=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("live_key", sa.String(64), nullable=True),
        sa.Column("lot", sa.String(128), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reserved_at", UtcTime, nullable=False),
        sa.Column("settled_at", UtcTime, nullable=True),
        sa.UniqueConstraint("live_key", name="submissions_live_key"),
    )
    op.create_index("submissions_key", "submissions", ["key_digest"])
    op.create_index("submissions_state", "submissions", ["state", "reserved_at"])
    op.create_table(
        "publications",
        sa.Column("submission_id", sa.String(36), sa.ForeignKey("submissions.id"), primary_key=True),
        sa.Column("rank", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("patient_oid", sa.String(32), nullable=False),
        sa.Column("patient_value", sa.String(15), nullable=False),
        sa.Column("unique_id", sa.String(128), nullable=False),
        sa.Column("logical_id", sa.String(128), nullable=False),
        sa.Column("type_code", sa.String(128), nullable=False),
        sa.Column("sha1", sa.String(40), nullable=False),
        sa.Column("media_type", sa.String(128), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("live_unique_id", sa.String(128), nullable=True),
        sa.Column("live_content", sa.String(64), nullable=True),
        sa.Column("withdrawn_at", UtcTime, nullable=True),
        sa.UniqueConstraint("live_unique_id", name="publications_live_unique_id"),
        sa.UniqueConstraint("live_content", name="publications_live_content"),
    )
