"""Names and small values the raw client of the embedded DMP writes with."""

from __future__ import annotations

import base64
import uuid
from datetime import UTC, datetime, timedelta

from facade.embedded import sample

NS = {
    "soap": "http://www.w3.org/2003/05/soap-envelope",
    "wsa": "http://www.w3.org/2005/08/addressing",
    "saml2": "urn:oasis:names:tc:SAML:2.0:assertion",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "rim": "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0",
    "rs": "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0",
    "query": "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0",
    "lcm": "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0",
    "xds": "urn:ihe:iti:xds-b:2007",
    "xop": "http://www.w3.org/2004/08/xop/include",
    "v3": "urn:hl7-org:v3",
    "h": "urn:si-dmp-habilitations",
    "p": "urn:si-dmp-patients",
}
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
TD02 = "urn:hl7-org:v3:PRPA_IN201307UV02"
TD21 = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
TD31 = "urn:ihe:iti:2007:RegistryStoredQuery"
TD32 = "urn:ihe:iti:2007:RetrieveDocumentSet"
TD33 = "urn:ihe:iti:2010:UpdateDocumentSet"
TD03 = "urn:si-dmp-habilitations:HabilitationsEndPoint:setAuthorization"
TD03_WSDL = "urn:hl7-org:v3:setAuthorization"
TD04 = "urn:si-dmp-patients:PatientSpecificEndPoint:patientList"
TD16 = "urn:si-dmp-habilitations:HabilitationsEndPoint:listAuthorizationByPatient"
AIR, INDIRECT = "INDIRECTE_RENFORCEE", "INDIRECTE"
OID = sample.INS_TEST_OID


def b64(data: bytes) -> str:
    """Base64 on one line."""
    return base64.b64encode(data).decode()


def cx(ins: str, oid: str = OID) -> str:
    """An INS as a patientId."""
    return f"{ins}^^^&{oid}&ISO^NH"


def oid() -> str:
    """A fresh OID."""
    return f"2.25.{uuid.uuid4().int}"


def instant(shift: float = 0) -> str:
    """Now, shifted by seconds, as SAML writes it."""
    return (datetime.now(UTC) + timedelta(seconds=shift)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def dtm(shift: float = 0) -> str:
    """Now, shifted by seconds, as XDS writes it."""
    return (datetime.now(UTC) + timedelta(seconds=shift)).strftime("%Y%m%d%H%M%S")
