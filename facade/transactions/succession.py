"""Which version of which document a replacement is: what its CDA header must say (CI-SIS Structuration minimale 3.5.5).

All versions share one setId and count up; a consumer rejects the same setId with the same versionNumber. Both stand
only in the header of the document that is replaced.
"""

from __future__ import annotations

from dataclasses import dataclass

from facade.domain.document import DocumentEntry
from facade.domain.dossier import Dossier
from facade.domain.errors import DmpRefused, InvalidInput
from facade.transactions.case import Case
from facade.translation.cda_read import CdaHeader, read_header


@dataclass(frozen=True, slots=True)
class Succession:
    """The uniqueId that is replaced, the setId that goes on, and the versionNumber of the new document."""

    replaced_unique_id: str
    set_id: str
    version_number: int


def succession(case: Case, dossier: Dossier, replaced: DocumentEntry) -> Succession:
    """Read the header of the replaced document (TD3.2). Raises DmpUnavailable.

    To a caller who may not read it, a structure above all, and where it is no CDA, it counts as the first version.
    """
    header = _header(case, replaced) if case.sees(dossier, replaced) else CdaHeader()
    return Succession(replaced.unique_id, header.set_id or replaced.unique_id, (header.version_number or 1) + 1)


def _header(case: Case, replaced: DocumentEntry) -> CdaHeader:
    try:
        return read_header(case.services.gateway.retrieve(case.session, [replaced])[0].content)
    except (DmpRefused, InvalidInput):
        return CdaHeader()
