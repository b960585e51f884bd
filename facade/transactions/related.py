"""Which documents name others as what they replace, append or transform (the search parameter relatesto).

An association has no query of its own that knows of patients or filters: it is asked for by the documents it ends at.
Those the caller may not see have none. How often the DMP is asked depends on the question only.
"""

from __future__ import annotations

from collections.abc import Iterable

from facade.domain.dmp import AssociationType
from facade.domain.dossier import Dossier
from facade.domain.errors import DmpRefused
from facade.transactions.case import Case
from facade.transactions.versions import NOTHING, every_version, newest
from facade.translation.identifiers import DocumentTarget

_RELATIONS = (
    AssociationType.REPLACES,
    AssociationType.REPLACES_BY_TRANSFORMING,
    AssociationType.APPENDS,
    AssociationType.TRANSFORMS,
)


def relating_to(
    case: Case, dossier: Dossier, targets: Iterable[DocumentTarget]
) -> tuple[frozenset[str], tuple[DmpRefused, ...]]:
    """The logical ids of the documents that relate to one of these, as far as the caller sees it.

    None where the DMP does not say all it knows of these (the second value): an older version proves nothing.
    """
    gateway, session = case.services.gateway, case.session
    wanted = list(targets)
    answer = every_version(
        gateway,
        session,
        unique_ids=[target.unique_id for target in wanted if target.unique_id],
        uuids=[target.uuid for target in wanted if target.uuid],
        logical_ids=_opened(case, wanted),
    )
    entries = () if answer.warnings else answer.entries
    seen = {entry.logical_id for entry in case.visible(dossier, newest(entries).values())}
    ends = {entry.entry_uuid for entry in entries if entry.logical_id in seen}
    links = gateway.get_associations(session, sorted(ends) or NOTHING)
    starts = [link.source for link in links if link.type in _RELATIONS and link.target in ends]
    relating = gateway.get_documents(session, entry_uuids=starts or NOTHING)
    warnings = (*answer.warnings, *relating.warnings)
    return frozenset(entry.logical_id for entry in relating.entries), warnings


def _opened(case: Case, targets: Iterable[DocumentTarget]) -> list[str]:
    opened = [case.services.ids.open_document(target.id) for target in targets if target.id]
    return [found[1] for found in opened if found is not None and found[0] == case.patient]
