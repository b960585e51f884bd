"""Whatever comes in, a reader answers or raises InvalidInput: nothing a client writes makes it fail otherwise."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from facade.domain.errors import InvalidInput
from facade.translation import attachment
from facade.translation.cda_read import check_against, read_header, unwrap
from facade.translation.document_in import read_document_reference
from facade.translation.document_out import document_reference
from facade.translation.patch import read_patch
from facade.translation.search_filters import FILTERS
from facade.translation.search_in import search_query
from facade.translation.subject_in import read_subject
from facade.translation.submission_in import read_submission_bundle
from facade.translation.validation import validate_resource
from facade.translation.vocabulary import IS_ARCHIVED
from tests.support.translation import PATIENT, RULES, author, context, entry, publication, subject, tables

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["current", "N", "urn:oid:1.2.3"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["coding", "code", "system", "value", "part", "name", "op", "path"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
DATES = st.sampled_from(
    ["0001-01-01", "9999-12-31", "9999", "0999", "2026-02-30", "0001-01-01T00:00:00+14:00", "2026-W01"]
)
TOKENS = st.text(max_size=12) | st.sampled_from(["http://loinc.org|", "|", "||", ",", "urn:oid:1.2|x", "true"]) | DATES
NAMES = st.sampled_from([*FILTERS, "patient", "identifier", "_id", "_count", "_sort", "x", "type:in"])
PREFIXES = st.sampled_from(["", "ge", "lt", "ap", "eb", "ne"])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(NAMES, st.builds("".join, st.tuples(PREFIXES, TOKENS))), max_size=3), st.booleans())
def test_search(params: list[tuple[str, str]], strict: bool) -> None:
    token = f"{PATIENT.system}|{PATIENT.value}"
    with suppress(InvalidInput):
        request = search_query([("patient", token), *params], tables=tables(), rules=RULES, strict=strict)
        request.matches(entry())


PATHS = st.sampled_from(
    [
        *("/status", "/securityLabel", "/securityLabel/0", "/securityLabel/-", "/securityLabel/0/coding/0/code"),
        *("/extension/-", "/extension/0/valueBoolean", f"/extension[url:'{IS_ARCHIVED}']/valueBoolean", "", "/x"),
        *("DocumentReference", "DocumentReference.status", "DocumentReference.securityLabel[0]"),
        *("DocumentReference.securityLabel.where(code='N')", "DocumentReference.securityLabel.coding.where(x).code"),
    ]
)
JSON_OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "replace", "remove", "test", "copy"]), "path": PATHS | VALUES},
    optional={"value": VALUES},
)


def operation(kind: str, path: Any, value: Any) -> dict[str, Any]:
    part = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    held = value if isinstance(value, dict) else {"valueCode": value}
    return {"name": "operation", "part": [*part, {**held, "name": "value"}]}


FHIRPATH_OPERATIONS = st.builds(
    operation, st.sampled_from(["add", "insert", "replace", "delete"]), PATHS | VALUES, VALUES
)


@settings(max_examples=300, deadline=None)
@given(
    VALUES
    | st.lists(JSON_OPERATIONS, max_size=3)
    | st.builds(
        lambda found: {"resourceType": "Parameters", "parameter": found}, st.lists(FHIRPATH_OPERATIONS, max_size=3)
    )
)
def test_patch(body: Any) -> None:
    with suppress(InvalidInput):
        read_patch(body, entry(), tables())


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a JSON value."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found.extend(places(inner, (*path, key)))
    return found


FULL = document_reference(entry(authors=(author(),)), id="d", patient_id="p", base="b", tables=tables())
PLACES = places(FULL)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES | DATES), min_size=1, max_size=3))
def test_a_publication_that_passed_validation(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    resource: Any = copy.deepcopy(FULL)
    for path, value in changes:
        holder = resource
        with suppress(KeyError, IndexError, TypeError):
            for step in path[:-1]:
                holder = holder[step]
            holder[path[-1]] = value
    with suppress(InvalidInput):
        attachment.take_out(resource)
        validate_resource(resource, "DocumentReference")
        read_subject(resource, {}, RULES)
        read_document_reference(resource, subject(), context())


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["type", "entry", "resource", "fullUrl", "id"]), VALUES, max_size=4), VALUES)
def test_bundles_and_other_things(bundle: dict[str, Any], inner: Any) -> None:
    for body in (
        {**bundle, "resourceType": "Bundle"},
        {"resourceType": "Bundle", "type": "transaction", "entry": [{"fullUrl": "u", "resource": inner}]},
        {"resourceType": "Bundle", "type": "transaction", "entry": [{"fullUrl": "u", "resource": publication()}]},
    ):
        with suppress(InvalidInput):
            contents = attachment.take_out(body)
            validate_resource(body, "Bundle")
            read_submission_bundle(body, contents)


@given(
    st.binary(max_size=60)
    | st.binary(max_size=30).map(lambda tail: b"<ClinicalDocument xmlns='urn:hl7-org:v3'>" + tail)
)
def test_cda(data: bytes) -> None:
    with suppress(InvalidInput):
        check_against(read_header(data), entry())
    with suppress(InvalidInput):
        unwrap(data)
