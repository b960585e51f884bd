"""Alembic's environment: always on the connection, and inside the transaction, that ``engine`` hands over."""

from __future__ import annotations

from alembic import context

from facade.records.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
