"""The tables that are printed as they are applied: the access policy, and what has to be fed."""

from __future__ import annotations

from facade import knowledge
from facade.policy import describe
from facade.policy.describe import Section
from facade.policy.tables import AccessTables

Table = Section


def policy_tables(language: str) -> list[Table]:
    """The access policy, table by table."""
    tables = AccessTables.from_rows(knowledge.rows)
    return list(describe.describe(tables, "fr" if language == "fr" else "en"))


def obligation_table(language: str) -> Table:
    """The duties of the arrêté of 26 April 2022, document by document."""
    french = language == "fr"
    yes, no = ("oui", "non") if french else ("yes", "no")
    header = (
        ("Document", "DMP", "MSSanté professionnels", "MSSanté patient", "En vigueur", "Jusqu'au", "Source")
        if french
        else ("Document", "DMP", "MSSanté professionals", "MSSanté patient", "In force", "Until", "Source")
    )
    rows = tuple(
        (
            row["document_fr" if french else "document_en"],
            *(yes if row[duty] == "yes" else no for duty in ("dmp", "mssante-professionals", "mssante-patient")),
            row["in_force"],
            row["applies_until"] or "-",
            row["text"],
        )
        for row in knowledge.rows("documents/obligations.csv")
    )
    title = "Ce qui est dû pour un document" if french else "What is owed for a document"
    note = (
        "Arrêté du 26 avril 2022 modifié: DMP, et messagerie sécurisée aux professionnels et au patient."
        if french
        else "Arrêté of 26 April 2022 as modified: DMP, and secure messages to professionals and to the patient."
    )
    return Section(title, note, header, rows)
