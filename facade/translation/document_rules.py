"""What a DocumentReference may not say when it is published, and what it may say of other documents.

Source: PDSm comprehensive and simplified publish (status current, docStatus and modifierExtension forbidden,
relatesTo.code = replaces); volet "Partage de documents" (APND is not accepted at submission).
"""

from __future__ import annotations

from facade.domain.errors import InvalidInput
from facade.translation.identifiers import DocumentTarget, read_document_identifier, read_document_link, read_unique_id
from facade.translation.problems import Problems, shown
from facade.translation.resources import Index, child, objects, resolve, text
from facade.translation.tables import Json

DOC = "DocumentReference"


def refuse_modifiers(resource: Json, problems: Problems) -> None:
    """Note every statement that would change the meaning of the document and that the DMP cannot keep."""
    status = resource.get("status")
    if status != "current":
        problems.add("document.status-not-current", f"{DOC}.status", status=shown(status))
    for name in ("docStatus", "modifierExtension", "implicitRules"):
        if resource.get(name):
            problems.add("document.element-forbidden", f"{DOC}.{name}", element=name)


def read_relations(resource: Json, index: Index, problems: Problems) -> tuple[DocumentTarget | None, tuple[str, ...]]:
    """The one document replaced, and the codes of the relations the DMP does not take (they only earn a warning)."""
    relations = objects(resource, "relatesTo")
    unsupported = tuple(text(found, "code") for found in relations if found.get("code") != "replaces")
    targets = [child(found, "target") for found in relations if found.get("code") == "replaces"]
    if len(targets) > 1:
        problems.add("replace.one-target", f"{DOC}.relatesTo")
    if not targets:
        return None, unsupported
    try:
        return _target(targets[0], index), unsupported
    except InvalidInput as error:
        problems.take(error)
        return None, unsupported


def _target(target: Json, index: Index) -> DocumentTarget:
    element = f"{DOC}.relatesTo.target"
    bundled = resolve(target, index)
    if bundled is not None:
        # A target inside the request cannot be what the DMP already holds; its identifier tells what is meant.
        master = child(bundled, "masterIdentifier")
        return DocumentTarget(unique_id=read_unique_id(text(master, "value"), element))
    identifier = child(target, "identifier")
    if identifier:
        return read_document_identifier(text(identifier, "system"), text(identifier, "value"), element)
    return read_document_link(text(target, "reference"), element)
