"""TD0.3, TD1.6 and TD0.4: who may see the record, and which records the user may see.

All go in INDIRECTE_RENFORCEE: plain INDIRECTE has no right to the first two and only new authorisations in the third
(PDT-INF-526, PDT-INF-606).
"""

from __future__ import annotations

import structlog

from facade.dmp import habilitation_xml as xml
from facade.dmp.channel import Channel, Transaction
from facade.dmp.vihf import Mode
from facade.domain.dmp import (
    AuthorisationChange,
    AuthorisationList,
    AuthorisedRecord,
    ChangeSession,
    DmpSession,
    ProfessionalAuthorisation,
    RecordDate,
)
from facade.domain.document import XdsTime

_ENDPOINT = f"{xml.HABILITATIONS}:HabilitationsEndPoint"
_CHANGE = Transaction("TD0.3", "habilitations", f"{_ENDPOINT}:setAuthorization", changes=True)
_LIST = Transaction("TD1.6", "habilitations", f"{_ENDPOINT}:listAuthorizationByPatient")
_RECORDS = Transaction("TD0.4", "patientsSpecific", f"{xml.PATIENTS}:PatientSpecificEndPoint:patientList")
_log = structlog.get_logger(__name__)


class Habilitations:
    """The authorisations of the gateway."""

    _channel: Channel

    def change_authorisation(self, session: ChangeSession, change: AuthorisationChange) -> None:
        """TD0.3. Only ever on an explicit act of the user (EX_0.3-1010); repeating it changes nothing."""
        with self._channel.observed(_CHANGE):
            answer = self._channel.call(_CHANGE, Mode.REINFORCED, session, xml.change_request(change)).body
            xml.read_output(answer, "setAuthorizationResponse", changes=True)

    def list_authorisations(
        self, session: DmpSession, which: AuthorisationList
    ) -> tuple[ProfessionalAuthorisation, ...]:
        """TD1.6: the professionals and structures authorised or blocked on the record."""
        with self._channel.observed(_LIST):
            answer = self._channel.call(_LIST, Mode.REINFORCED, session, xml.list_request(which)).body
            output = xml.read_output(answer, "listAuthorizationByPatientResponse")
            return xml.read_authorisations(output, which)

    def list_records(self, session: DmpSession, since: XdsTime, by: RecordDate) -> tuple[AuthorisedRecord, ...]:
        """TD0.4. A record that has no INS cannot be named and is left out; how many is logged."""
        with self._channel.observed(_RECORDS):
            answer = self._channel.call(_RECORDS, Mode.REINFORCED, session, xml.records_request(since, by)).body
            records, nameless = xml.read_records(xml.read_output(answer, "patientListResponse"))
            if nameless:
                _log.info("dmp.records-without-ins", records=nameless)
            return records
