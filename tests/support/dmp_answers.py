"""Answers of a DMP, written by hand for the tests: registry responses, search results, retrieved documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.support.dmp_server import Reply, Seen, envelope, mtom

RS = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"
RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
SUCCESS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"
FAILURE = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure"
PARTIAL = "urn:ihe:iti:2007:ResponseStatusType:PartialSuccess"
XOP = "http://www.w3.org/2004/08/xop/include"


def errors(*codes: str) -> str:
    inner = "".join(
        f'<rs:RegistryError errorCode="{code}" codeContext="context" '
        'severity="urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error"/>'
        for code in codes
    )
    return f"<rs:RegistryErrorList>{inner}</rs:RegistryErrorList>" if inner else ""


def registry(status: str = SUCCESS, *codes: str) -> str:
    return f'<rs:RegistryResponse xmlns:rs="{RS}" status="{status}">{errors(*codes)}</rs:RegistryResponse>'


def search(objects: str = "", status: str = SUCCESS, *codes: str) -> str:
    return (
        f'<q:AdhocQueryResponse xmlns:q="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0" xmlns:rs="{RS}" '
        f'xmlns:rim="{RIM}" status="{status}" totalResultCount="9" startIndex="0">{errors(*codes)}'
        f"<rim:RegistryObjectList>{objects}</rim:RegistryObjectList></q:AdhocQueryResponse>"
    )


def retrieved(documents: Mapping[str, str], *, repository: str = "1.2.250.1.213.4.1.1.1.2", status: str = "") -> str:
    """``documents``: by uniqueId what stands inside the Document element."""
    inner = "".join(
        f"<x:DocumentResponse><x:RepositoryUniqueId>{repository}</x:RepositoryUniqueId>"
        f"<x:DocumentUniqueId>{unique_id}</x:DocumentUniqueId><x:mimeType>text/xml</x:mimeType>"
        f"<x:Document>{content}</x:Document></x:DocumentResponse>"
        for unique_id, content in documents.items()
    )
    return (
        f'<x:RetrieveDocumentSetResponse xmlns:x="urn:ihe:iti:xds-b:2007">{status or registry()}{inner}'
        "</x:RetrieveDocumentSetResponse>"
    )


def include(cid: str) -> str:
    return f'<i:Include xmlns:i="{XOP}" href="cid:{cid}"/>'


def fault(code: str, text: str, subcode: str = "") -> str:
    inner = f"<env:Subcode><env:Value>{subcode}</env:Value></env:Subcode>" if subcode else ""
    return (
        f"<env:Fault><env:Code><env:Value>{code}</env:Value>{inner}</env:Code>"
        f'<env:Reason><env:Text xml:lang="fr">{text}</env:Text></env:Reason></env:Fault>'
    )


def plain(body: str) -> Callable[[Seen], Reply]:
    """Answer every request with this body, related to its message."""
    return lambda seen: Reply(envelope(body, seen.message_id))


def with_parts(body: str, parts: Mapping[str, bytes], *, close: bool = True) -> Callable[[Seen], Reply]:
    """The same, as multipart with these attachments."""
    return lambda seen: mtom(envelope(body, seen.message_id), parts, close=close)
