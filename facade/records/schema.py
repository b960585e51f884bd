"""The tables, as the code sees them. ``migrations`` creates them; a test compares the two.

Nothing of a document but its ids, type, hash and size is kept, and no column can hold a reason of an opposition
(référentiel DMP, EXI 02).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from facade.records.utc_time import UtcTime

metadata = MetaData()


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _act() -> tuple[Column[Any], ...]:
    """What a trace tells of an act; an intent tells the same."""
    return (
        Column("time", UtcTime, nullable=False),
        _text("person_id"),
        _text("person_name"),
        _text("local_id"),
        _text("kind"),
        _text("structure_id"),
        _text("structure_name"),
        _text("application"),
        _text("patient_oid"),
        _text("patient_value"),
        _text("document"),
        _text("document_unique_id"),
        _text("act"),
        _text("transaction"),
        _text("purpose"),
        _text("reason"),
        _text("effect"),
        _text("rule"),
        _text("basis"),
        _text("outcome"),
        _text("outcome_code"),
        _text("correlation_id"),
        Column("secret", Boolean, nullable=False),
        Column("on_behalf", Boolean, nullable=True),
        Column("recipients", Text, nullable=False, server_default=""),
    )


traces = Table(
    "traces",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    *_act(),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("traces_patient", "patient_value", "patient_oid", "time"),
    Index("traces_person", "person_id", "seq"),
    Index("traces_time", "time"),
)

# The changes under way: one row for each trace that is still to be written, all those of one request under one id.
# ``since`` is when its process was last heard of.
intents = Table(
    "intents",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("rank", Integer, primary_key=True, autoincrement=False),
    Column("since", UtcTime, nullable=False),
    *_act(),
    Index("intents_since", "since"),
)

# One row: the end of the chain. Writers lock it, so that no two traces follow the same one; a removed end shows.
trace_head = Table(
    "trace_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)

# One row per purge: the chain that is left starts after ``seq``, from ``hash``.
trace_anchors = Table(
    "trace_anchors",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", String(64), nullable=False),
    Column("removed", Integer, nullable=False),
    Column("time", UtcTime, nullable=False),
)

consents = Table(
    "consents",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("category", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    Column("patient_oid", String(32), nullable=False),
    Column("patient_value", String(15), nullable=False),
    Column("structure_id", String(32), nullable=False),
    Column("professional_id", String(32), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("information_case", Integer, nullable=True),
    Column("informed_at", UtcTime, nullable=True),
    Column("recorded", UtcTime, nullable=False),
    Column("recorder_id", String(128), nullable=False),
    Index("consents_patient", "patient_value", "patient_oid"),
)

# ``live_key``, ``live_unique_id`` and ``live_content`` are null once the row no longer stands in anybody's way:
# unique constraints let any number of nulls in, in SQLite and in PostgreSQL.
submissions = Table(
    "submissions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("caller_id", String(128), nullable=False),
    Column("structure_id", String(32), nullable=False),
    Column("key_digest", String(64), nullable=True),
    Column("fingerprint", String(64), nullable=False),
    Column("live_key", String(64), nullable=True),
    Column("lot", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reserved_at", UtcTime, nullable=False),
    Column("settled_at", UtcTime, nullable=True),
    UniqueConstraint("live_key", name="submissions_live_key"),
    Index("submissions_key", "key_digest"),
    Index("submissions_state", "state", "reserved_at"),
)

publications = Table(
    "publications",
    metadata,
    Column("submission_id", String(36), ForeignKey("submissions.id"), primary_key=True),
    Column("rank", Integer, primary_key=True, autoincrement=False),
    Column("patient_oid", String(32), nullable=False),
    Column("patient_value", String(15), nullable=False),
    Column("unique_id", String(128), nullable=False),
    Column("logical_id", String(128), nullable=False),
    Column("type_code", String(128), nullable=False),
    Column("sha1", String(40), nullable=False),
    Column("media_type", String(128), nullable=False),
    Column("size", Integer, nullable=False),
    Column("content", String(64), nullable=False),
    Column("live_unique_id", String(128), nullable=True),
    Column("live_content", String(64), nullable=True),
    Column("withdrawn_at", UtcTime, nullable=True),
    Column("replaces", String(128), nullable=True),
    UniqueConstraint("live_unique_id", name="publications_live_unique_id"),
    UniqueConstraint("live_content", name="publications_live_content"),
    Index("publications_patient", "patient_value", "patient_oid"),
)

pairings = Table(
    "pairings",
    metadata,
    Column("application", String(128), primary_key=True),
    Column("external_id", String(128), primary_key=True),
    Column("patient_oid", String(32), primary_key=True),
    Column("patient_value", String(15), primary_key=True),
    Column("relation", String(16), nullable=False),
    Column("may_feed", Boolean, nullable=False),
    Column("may_read", Boolean, nullable=False),
)

hidden_documents = Table(
    "hidden_documents",
    metadata,
    Column("logical_id", String(128), primary_key=True),
    Column("patient_oid", String(32), nullable=False),
    Column("patient_value", String(15), nullable=False),
    Column("author_id", String(128), nullable=False),
    Column("structure_id", String(32), nullable=False),
    Column("since", UtcTime, nullable=False),
    Index("hidden_documents_author", "author_id"),
    Index("hidden_documents_structure", "structure_id"),
)

# One row per message to one recipient. ``context`` and ``message`` are sealed, the message is erased when settled.
# ``claim`` is the number of the lease a sender holds: a sender whose lease was taken over cannot write any more.
mail_messages = Table(
    "mail_messages",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("caller_id", String(128), nullable=False),
    Column("structure_id", String(32), nullable=False),
    Column("patient_oid", String(32), nullable=False),
    Column("patient_value", String(15), nullable=False),
    Column("audience", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("reply", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("notice", String(32), nullable=False),
    Column("notice_code", String(16), nullable=False),
    Column("message_id", String(128), nullable=False),
    Column("envelope_id", String(64), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("claim", Integer, nullable=False),
    Column("queued_at", UtcTime, nullable=False),
    Column("next_at", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    Column("reservation_id", String(36), nullable=True),
    Column("request_key", String(64), nullable=True),
    Column("fingerprint", String(64), nullable=False),
    Column("rank", Integer, nullable=False),
    Column("context", LargeBinary, nullable=False),
    Column("message", LargeBinary, nullable=True),
    UniqueConstraint("message_id", name="mail_messages_message_id"),
    UniqueConstraint("envelope_id", name="mail_messages_envelope_id"),
    UniqueConstraint("request_key", "rank", name="mail_messages_request"),
    Index("mail_messages_due", "state", "next_at"),
    Index("mail_messages_structure", "structure_id", "queued_at"),
    Index("mail_messages_reservation", "reservation_id"),
)

# How many messages ended and how many attempts failed; see ``mail_counts``.
mail_counts = Table(
    "mail_counts",
    metadata,
    Column("counter", String(16), primary_key=True),
    Column("label", String(64), primary_key=True),
    Column("count", BigInteger, nullable=False),
)

# What a professional ordered to be preloaded. The patient, the criteria and the documents are sealed; the digests are
# keyed (``vault``). Instants and states are plain: the sweep must find what is due without opening anything.
preloads = Table(
    "preloads",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("person_id", String(128), nullable=False),
    Column("structure_id", String(32), nullable=False),
    Column("patient_key", String(64), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False),
    Column("due", UtcTime, nullable=True),
    Column("closes", UtcTime, nullable=False),
    Column("recorded", UtcTime, nullable=False),
    Column("fetched", UtcTime, nullable=True),
    Column("expires", UtcTime, nullable=True),
    Column("settled", UtcTime, nullable=True),
    Column("holder", String(36), nullable=True),
    Column("leased_until", UtcTime, nullable=True),
    Column("attempts", Integer, nullable=False),
    Column("matched", Integer, nullable=True),
    Column("outcome", String(64), nullable=False),
    Index("preloads_person", "person_id", "recorded"),
    Index("preloads_state", "state", "due"),
    Index("preloads_patient", "patient_key"),
)

preloaded_documents = Table(
    "preloaded_documents",
    metadata,
    Column("preload_id", String(64), ForeignKey("preloads.id", ondelete="CASCADE"), primary_key=True),
    Column("document_key", String(64), primary_key=True),
    Column("rank", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=True),
    Index("preloaded_documents_key", "document_key"),
)

# What was preloaded in the last days, for the limits of EXI 12: it outlives what it counts. An empty document_key
# stands for the patient alone.
preload_uses = Table(
    "preload_uses",
    metadata,
    Column("person_id", String(128), primary_key=True),
    Column("patient_key", String(64), primary_key=True),
    Column("document_key", String(64), primary_key=True),
    Column("at", UtcTime, nullable=False),
    Index("preload_uses_at", "at"),
)

# One row: how far the traces have been looked through, and which process is at it.
supervision = Table(
    "supervision",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("holder", String(36), nullable=False),
    Column("until", UtcTime, nullable=False),
)

# ``suspends``: the person's access through this structure is suspended until ``released_at`` is set.
alerts = Table(
    "alerts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("criterion", String(32), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("person_id", String(128), nullable=False),
    Column("structure_id", String(32), nullable=False),
    Column("first", UtcTime, nullable=False),
    Column("last", UtcTime, nullable=False),
    Column("uses", Integer, nullable=False),
    Column("raised_at", UtcTime, nullable=False),
    Column("suspends", Boolean, nullable=False),
    Column("notified_at", UtcTime, nullable=True),
    Column("released_at", UtcTime, nullable=True),
    _text("released_by"),
    _text("released_why"),
    Index("alerts_structure", "structure_id", "raised_at"),
    Index("alerts_person", "person_id", "structure_id", "criterion"),
)

# Whose records are those of colleagues: a keyed mark of each matricule, never the matricule.
staff = Table(
    "staff",
    metadata,
    Column("structure_id", String(32), primary_key=True),
    Column("mark", String(64), primary_key=True),
)
