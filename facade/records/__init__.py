"""What the facade itself must remember: traces, consent statements, the ledger of publications, pairings.

``engine`` opens and migrates the database; each other module is one table's worth of behaviour over it.
SQLite and PostgreSQL run the same code: what differs between them is in ``dialects``.
"""
