"""ITI-65 transaction Bundle -> its parts: the List, the DocumentReferences with their Binaries, and what is beside.

Source: MHD 4.2.3 ITI-65; PDSm comprehensive provide document bundle (slices, PATCH of the replaced document).
Entries may come in any order and are found by fullUrl.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from facade.domain.errors import InvalidInput
from facade.translation.document_rules import read_relations
from facade.translation.identifiers import DocumentTarget, read_document_link
from facade.translation.problems import Problems, shown
from facade.translation.resources import child, objects, text
from facade.translation.subject_in import Subject, SubjectRules, read_subject
from facade.translation.tables import Json
from facade.translation.vocabulary import LIST_TYPES, PROVIDE_BUNDLES

_POST = ("POST",)
_METHODS = {
    "List": ("POST", "PUT"),
    "DocumentReference": _POST,
    "Binary": _POST,
    "Parameters": ("PATCH",),
    "Patient": ("GET", "POST", "PUT"),
}


@dataclass(frozen=True, slots=True)
class DocumentPart:
    """One DocumentReference of the Bundle; ``content_index`` is the entry whose data are its content.

    ``if_none_exist`` is its condition, as written.
    """

    index: int
    full_url: str
    resource: Json
    content_index: int
    media_type: str = ""
    if_none_exist: str = ""


@dataclass(frozen=True, slots=True)
class SubmissionParts:
    """The Bundle taken apart. Numbers are entry numbers, for an answer in the same order.

    ``patches`` are redundant: they say of the replaced documents what the DMP does by itself on a replacement.
    ``folders`` are not sent to the DMP. ``kinds`` is the resourceType of each entry; ``index`` resolves references.
    """

    lot: Json
    lot_index: int
    documents: tuple[DocumentPart, ...]
    binaries: tuple[int, ...] = ()
    patients: tuple[int, ...] = ()
    folders: tuple[int, ...] = ()
    patches: tuple[tuple[int, DocumentTarget], ...] = ()
    kinds: tuple[str, ...] = ()
    index: dict[str, Json] = field(default_factory=dict)


def read_submission_bundle(bundle: Json, contents: Collection[int] = ()) -> SubmissionParts:
    """Take a transaction Bundle apart. ``contents`` are the entries whose data were taken out.

    Raises one InvalidInput: ``bundle.not-transaction``, ``bundle.fhir-document``, ``bundle.entry-type``,
    ``bundle.document-manifest``, ``bundle.method``, ``bundle.full-url``, ``bundle.submission-set``,
    ``bundle.no-document``, ``bundle.binary-missing``, ``bundle.binary-unnamed``, ``bundle.condition``,
    ``bundle.item-missing``, ``bundle.patch``, ``bundle.profile``.
    """
    if bundle.get("type") != "transaction":
        code = "bundle.fhir-document" if bundle.get("type") == "document" else "bundle.not-transaction"
        raise InvalidInput.of(code, "Bundle.type", found=shown(bundle.get("type")))
    return _Bundle(bundle, contents).parts()


def read_common_subject(parts: SubmissionParts, rules: SubjectRules) -> Subject:
    """The one patient of the List and of every document, with the traits one of them gives.

    Raises InvalidInput as ``read_subject``, and ``patient.mismatch`` when they are not all the same (MHD ITI-65).
    """
    problems = Problems()
    found: list[Subject] = []
    for resource in (parts.lot, *(document.resource for document in parts.documents)):
        try:
            found.append(read_subject(resource, parts.index, rules))
        except InvalidInput as error:
            problems.take(error)
    if len({subject.ins for subject in found}) > 1:
        problems.add("patient.mismatch", "List.subject", "DocumentReference.subject")
    problems.check()
    return next((subject for subject in found if subject.source is not None), found[0])


class _Bundle:
    def __init__(self, bundle: Json, contents: Collection[int]) -> None:
        self.bundle = bundle
        self.entries = objects(bundle, "entry")
        self.contents = contents
        self.problems = Problems()
        self.resources = [child(entry, "resource") for entry in self.entries]
        self.urls = [text(entry, "fullUrl") for entry in self.entries]
        self.index: dict[str, Json] = {}
        self.numbers: dict[str, int] = {}

    def parts(self) -> SubmissionParts:
        for number in range(len(self.entries)):
            self._entry(number)
        self._profile()
        self.problems.check()
        lots = [number for number in self._of("List") if _list_kind(self.resources[number]) == "submissionset"]
        folders = tuple(number for number in self._of("List") if _list_kind(self.resources[number]) == "folder")
        if len(lots) != 1:
            self.problems.add("bundle.submission-set", "Bundle.entry", count=str(len(lots)))
        if not self._of("DocumentReference"):
            self.problems.add("bundle.no-document", "Bundle.entry")
        documents = tuple(self._document(number) for number in self._of("DocumentReference"))
        self._unnamed({document.content_index for document in documents})
        if lots:
            self._items(lots[0], folders)
        patches = self._patches(documents)
        self.problems.check()
        return SubmissionParts(
            lot=self.resources[lots[0]],
            lot_index=lots[0],
            documents=documents,
            binaries=self._of("Binary"),
            patients=self._of("Patient"),
            folders=folders,
            patches=patches,
            kinds=tuple(str(resource.get("resourceType")) for resource in self.resources),
            index=self.index,
        )

    def _profile(self) -> None:
        """A Bundle that claims profiles claims one of ITI-65; one that claims none is checked all the same."""
        claimed = child(self.bundle, "meta").get("profile") or []
        if claimed and not any(str(profile).partition("|")[0] in PROVIDE_BUNDLES for profile in claimed):
            self.problems.add("bundle.profile", "Bundle.meta.profile", found=shown(claimed[0], 120))

    def _of(self, kind: str) -> tuple[int, ...]:
        return tuple(number for number, found in enumerate(self.resources) if found.get("resourceType") == kind)

    def _entry(self, number: int) -> None:
        path, resource, url = f"Bundle.entry[{number}]", self.resources[number], self.urls[number]
        kind = str(resource.get("resourceType", ""))
        if kind not in _METHODS:
            code = {"DocumentManifest": "bundle.document-manifest", "Bundle": "bundle.fhir-document"}.get(kind)
            self.problems.add(code or "bundle.entry-type", f"{path}.resource", found=shown(kind))
            return
        method = text(child(self.entries[number], "request"), "method")
        if method not in _METHODS[kind]:
            self.problems.add("bundle.method", f"{path}.request.method", found=shown(method), resource=kind)
        self._conditions(number, kind)
        if url in self.numbers or (not url and kind in ("DocumentReference", "Binary")):
            self.problems.add("bundle.full-url", f"{path}.fullUrl")
        self.numbers[url] = number
        for name in (url, f"{kind}/{resource['id']}" if resource.get("id") else ""):
            if name:
                self.index.setdefault(name, resource)

    def _conditions(self, number: int, kind: str) -> None:
        """A condition that is not kept is refused; one on a Patient has no effect, since no Patient is made."""
        request = child(self.entries[number], "request")
        for name in ("ifNoneExist", "ifMatch", "ifNoneMatch", "ifModifiedSince"):
            kept = kind == "Patient" or (name, kind) == ("ifNoneExist", "DocumentReference")
            if name in request and not kept:
                self.problems.add("bundle.condition", f"Bundle.entry[{number}].request.{name}")

    def _document(self, number: int) -> DocumentPart:
        """The document's own data, or those of the Binary its attachment.url names."""
        resource = self.resources[number]
        content = next(iter(objects(resource, "content")), {})
        attachment = child(content, "attachment")
        path = f"Bundle.entry[{number}].resource.content.attachment.url"
        condition = text(child(self.entries[number], "request"), "ifNoneExist")
        if number in self.contents:
            return DocumentPart(number, self.urls[number], resource, number, text(attachment, "contentType"), condition)
        binary = self.index.get(text(attachment, "url"))
        source = next((found for found in self._of("Binary") if self.resources[found] is binary), None)
        if binary is None or source is None or source not in self.contents:
            self.problems.add("bundle.binary-missing", path)
            return DocumentPart(number, self.urls[number], resource, number)
        return DocumentPart(number, self.urls[number], resource, source, text(binary, "contentType"), condition)

    def _unnamed(self, named: set[int]) -> None:
        """A Binary that is no document's content would be lost without a word."""
        if any(problem.code == "bundle.binary-missing" for problem in self.problems.found):
            return
        for number in self._of("Binary"):
            if number not in named:
                self.problems.add("bundle.binary-unnamed", f"Bundle.entry[{number}]")

    def _items(self, lot: int, folders: tuple[int, ...]) -> None:
        """The List and the Bundle must hold the same documents (MHD: List.entry names each of them)."""
        named: list[Any] = [text(child(item, "item"), "reference") for item in objects(self.resources[lot], "entry")]
        inside = {id(self.index[name]) for name in named if name in self.index}
        for position, name in enumerate(named):
            if name not in self.index:
                element = f"Bundle.entry[{lot}].resource.entry[{position}].item"
                self.problems.add("bundle.item-missing", element, reference=shown(name))
        for number in (*self._of("DocumentReference"), *folders):
            if id(self.resources[number]) not in inside:
                self.problems.add("bundle.item-missing", f"Bundle.entry[{number}]", reference=shown(self.urls[number]))

    def _patches(self, documents: tuple[DocumentPart, ...]) -> tuple[tuple[int, DocumentTarget], ...]:
        """A PATCH may only say that a document this Bundle replaces is superseded."""
        # What is wrong with a relation is told when its document is read.
        replaced = [read_relations(document.resource, self.index, Problems())[0] for document in documents]
        patches: list[tuple[int, DocumentTarget]] = []
        for number in self._of("Parameters"):
            path = f"Bundle.entry[{number}]"
            url = text(child(self.entries[number], "request"), "url")
            try:
                target = read_document_link(url, f"{path}.request.url")
            except InvalidInput as error:
                self.problems.take(error)
                continue
            if target not in replaced or not _supersedes(self.resources[number]):
                self.problems.add("bundle.patch", path)
            patches.append((number, target))
        return tuple(patches)


def _list_kind(resource: Json) -> str:
    codings = objects(child(resource, "code"), "coding")
    return next((text(coding, "code") for coding in codings if coding.get("system") == LIST_TYPES), "")


def _supersedes(parameters: Json) -> bool:
    """Whether these Parameters are one operation: replace DocumentReference.status by superseded."""
    operations = [found for found in objects(parameters, "parameter") if found.get("name") == "operation"]
    if len(operations) != 1 or len(objects(parameters, "parameter")) != 1:
        return False
    parts = {text(part, "name"): part for part in objects(operations[0], "part")}
    value = parts.get("value", {})
    return (
        text(parts.get("type", {}), "valueCode") == "replace"
        and text(parts.get("path", {}), "valueString") == "DocumentReference.status"
        and (text(value, "valueCode") or text(value, "valueString")) == "superseded"
    )
