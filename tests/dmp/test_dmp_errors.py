from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from lxml import etree

from facade.dmp import xds
from facade.dmp.errors import classify, read_status
from facade.domain.errors import DmpRefused, DmpUnavailable
from facade.xmlsafe import parse
from tests.support.shelf import on_the_shelf

TABLES = Path(__file__).parents[2] / "mappings" / "errors"
ERROR = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error"
WARNING = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Warning"


def table(name: str) -> list[dict[str, str]]:
    with (TABLES / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


ROWS = table("dmp.csv")
MESSAGES = [row for row in ROWS if row["text_match"]]


def response(status: str, *errors: tuple[str, str]) -> etree._Element:
    inner = "".join(
        f'<rs:RegistryError errorCode="{code}" codeContext="about {code}" severity="{severity}" location="here"/>'
        for code, severity in errors
    )
    wrapped = f"<rs:RegistryErrorList>{inner}</rs:RegistryErrorList>" if inner else ""
    return parse(f'<rs:RegistryResponse xmlns:rs="{xds.RS}" status="{status}">{wrapped}</rs:RegistryResponse>'.encode())


def test_success_with_and_without_warnings() -> None:
    assert read_status(response(xds.STATUS_SUCCESS), changes=True).warnings == ()
    found = read_status(response(xds.STATUS_SUCCESS, ("XDSExtraMetadataNotSaved", WARNING)), changes=True)
    assert [(each.code, each.severity) for each in found.warnings] == [("XDSExtraMetadataNotSaved", "warning")]
    assert not found.partial


def test_failure_raises_the_first_error_of_the_highest_severity() -> None:
    failed = response(xds.STATUS_FAILURE, ("A", WARNING), ("B", ERROR), ("C", ERROR))
    with pytest.raises(DmpRefused) as caught:
        read_status(failed, changes=False)
    assert (caught.value.code, caught.value.text, caught.value.location) == ("B", "about B", "here")
    assert caught.value.channel == "registry"


def test_failure_without_an_error_is_a_failure() -> None:
    with pytest.raises(DmpRefused, match=r"dmp\.refused"):
        read_status(response(xds.STATUS_FAILURE), changes=False)


def test_partial_success_of_a_search_keeps_its_errors() -> None:
    found = read_status(response(xds.STATUS_PARTIAL, ("XDSUnavailableCommunity", ERROR)), changes=False)
    assert found.partial
    assert [each.code for each in found.warnings] == ["XDSUnavailableCommunity"]


@pytest.mark.parametrize("status", [xds.STATUS_PARTIAL, "", "urn:x:Queued"])
def test_a_change_is_done_wholly_or_its_outcome_is_unknown(status: str) -> None:
    with pytest.raises(DmpUnavailable) as caught:
        read_status(response(status), changes=True)
    assert caught.value.outcome_unknown


def test_the_text_of_an_error_is_not_in_its_message() -> None:
    assert "DUPONT" not in str(DmpRefused("X", "patient DUPONT", "fault"))


def test_every_row_can_be_found_and_is_complete() -> None:
    for row in ROWS:
        error = DmpRefused(row["code"], f"Faute : {row['text_match']}." if row["text_match"] else "", row["channel"])
        assert classify(error, ROWS) == row
        assert 200 <= int(row["http_status"]) < 600
        assert row["text_fr"].endswith(".")
        assert row["text_en"].endswith(".")
        assert row["source"]
        assert row["verified"] in ("yes", "no", "assumed")


def test_codes_are_named_once() -> None:
    codes = [row["code"] for row in table("dmp.csv")]
    assert len(codes) == len(set(codes))


def test_an_unknown_code_has_no_row() -> None:
    assert classify(DmpRefused("DMPSomethingNew", "", "fault"), ROWS) is None


@pytest.mark.parametrize(
    "text",
    [
        "Aucune spécialité dans le VIHF pour ce médecin",
        "AUCUNE SPECIALITE DANS LE VIHF",
        "  Aucune   spécialité\ndans le vihf",
    ],
)
def test_a_known_text_is_more_precise_than_its_code(text: str) -> None:
    row = classify(DmpRefused("Sender", text, "fault"), ROWS)
    assert row is not None
    assert row["code"] == "dmp.text.no-specialty"


def test_a_typographic_apostrophe_changes_nothing() -> None:
    row = classify(DmpRefused("X", "[Indirecte] Erreur d’authentification de la personne morale", "fault"), ROWS)
    assert row is not None
    assert row["code"] == "dmp.text.legal-person"


def test_every_code_of_the_table_of_ihe_is_there() -> None:
    wanted = {
        "DocumentQueued",
        "FHIRDocumentNotSupported",
        "InvalidDocumentContent",
        "UnavailableRecipient",
        "UnknownRecipient",
        "UnmodifiableMetadataError",
        "ReferencesExistException",
        "XDSMetadataAnnotationError",
        "XDSUnreferencedObjectException",
        "PartialAppendContentNotProcessed",
        "PartialFolderContentNotProcessed",
        "PartialRelationshipContentNotProcessed",
        "PartialReplaceContentNotProcessed",
        "PartialTransformNotProcessed",
        "PartialTransformReplaceNotProcessed",
        "UnresolvedReferenceException",
        "UnsupportedCapabilityException",
        "XDSDocumentUniqueIdError",
        "XDSDuplicateUniqueIdInRegistry",
        "XDSExtraMetadataNotSaved",
        "XDSMissingDocument",
        "XDSMissingDocumentMetadata",
        "XDSMissingHomeCommunityId",
        "XDSNonIdenticalHash",
        "XDSNonIdenticalSize",
        "XDSPatientIdDoesNotMatch",
        "XDSRegistryBusy",
        "XDSRepositoryBusy",
        "XDSRegistryDeprecatedDocumentError",
        "XDSRegistryDuplicateUniqueIdInMessage",
        "XDSRepositoryDuplicateUniqueIdInMessage",
        "XDSRegistryError",
        "XDSRepositoryError",
        "XDSRegistryMetadataError",
        "XDSRepositoryMetadataError",
        "XDSRegistryNotAvailable",
        "XDSRegistryOutOfResources",
        "XDSRepositoryOutOfResources",
        "XDSReplaceFailed",
        "XDSResultNotSinglePatient",
        "XDSStoredQueryMissingParam",
        "XDSStoredQueryParamNumber",
        "XDSTooManyResults",
        "XDSUnavailableCommunity",
        "XDSUnknownCommunity",
        "XDSUnknownPatientId",
        "XDSUnknownRepositoryId",
        "XDSUnknownStoredQuery",
        "XDSMetadataUpdateError",
        "XDSMetadataUpdateOperationError",
        "XDSMetadataVersionError",
        "XDSMetadataIdentifierError",
        "XDSPatientIDReconciliationError",
    }
    assert wanted <= {row["code"] for row in ROWS}


REFERENCE = on_the_shelf("reference/dmp-interface.md")


@pytest.mark.skipif(REFERENCE is None, reason="no shelf with the reference (set DMP_SHELF to one)")
def test_every_code_and_message_of_the_reference_is_there() -> None:
    """The codes anywhere in its text, the messages in the table of its section on errors."""
    assert REFERENCE is not None
    text = REFERENCE.read_text()
    codes = set(re.findall(r"`(DMP[A-Z]\w+|XDS\w+(?:Error|Id|DoesNotMatch))`", text))
    assert len(codes) > 8
    assert codes - {row["code"] for row in ROWS} == set()
    section = text[text.index("## 4. Errors") : text.index("## 5.")]
    messages = set(re.findall(r'"([^"`]{20,}?)…?"', section))
    assert len(messages) > 5
    unknown = [each for each in messages if classify(DmpRefused("Sender", each, "fault"), MESSAGES) is None]
    assert unknown == []
