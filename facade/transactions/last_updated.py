"""When documents last changed (parameter _lastUpdated): XDS says it by the lots that brought or changed them.

FindSubmissionSets, then GetAssociations: HasMember tells a publication or a change of metadata,
UpdateAvailabilityStatus a change of status. That a document was replaced is not told: it would say when the other was
submitted, to those too who may not see it. How often the DMP is asked depends on the question only.
Source: ITI TF-2 3.57; ITI TF-3 4.2.2.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from facade.domain.dmp import AssociationType, LotQuery
from facade.domain.document import DocumentEntry, XdsTime
from facade.domain.errors import DmpRefused
from facade.transactions.case import Case
from facade.transactions.versions import NOTHING
from facade.translation.search_dates import DateFilter

_TOUCHES = (AssociationType.HAS_MEMBER, AssociationType.UPDATES_STATUS)


def changed_in(
    case: Case, alternatives: Sequence[Sequence[DateFilter]], entries: Iterable[DocumentEntry]
) -> tuple[list[DocumentEntry], tuple[DmpRefused, ...]]:
    """Those of ``entries`` that last changed when each of these filters says (one of its alternatives each).

    A submissionTime is the sender's clock. Raises DmpRefused, DmpUnavailable.
    """
    gateway, session = case.services.gateway, case.session
    lots = gateway.find_lots(session, LotQuery(submitted_from=_earliest(alternatives)))
    submitted = {lot.entry_uuid: lot.submission_time for lot in lots.lots}
    changed: dict[str, XdsTime] = {}
    for link in gateway.get_associations(session, list(submitted) or NOTHING):
        if link.source in submitted and link.type in _TOUCHES:
            time = submitted[link.source]
            changed[link.target] = max(changed.get(link.target, time), time)
    kept = [entry for entry in entries if _matches(alternatives, changed.get(entry.entry_uuid))]
    return kept, lots.warnings


def _matches(alternatives: Sequence[Sequence[DateFilter]], time: XdsTime | None) -> bool:
    return time is not None and all(any(each.matches(time, time) for each in one) for one in alternatives)


def _earliest(alternatives: Sequence[Sequence[DateFilter]]) -> XdsTime | None:
    """From when lots are needed: None for all, where a filter has no beginning."""
    bounds = [[each.bounds()[0] for each in one] for one in alternatives]
    starts = [min(known) for one in bounds if (known := [bound for bound in one if bound]) and len(known) == len(one)]
    return max(starts, default=None)
