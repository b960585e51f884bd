"""Alembic revisions of the facade's database, run by ``facade.records.engine``."""
