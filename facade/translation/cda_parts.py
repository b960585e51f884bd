"""Pieces of CDA markup written as text: every value passes an escape here, nothing else concatenates one."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from facade.domain.document import Coded, Institution, Person
from facade.translation.vocabulary import PS_IDNAT, STRUCT_IDNAT

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def quoted(value: str) -> str:
    """An attribute value with its quotes; characters XML 1.0 cannot hold are left out."""
    return quoteattr(_NOT_XML.sub("", value))


def quoted_text(value: str) -> str:
    """A text node."""
    return escape(_NOT_XML.sub("", value))


def code(tag: str, coded: Coded) -> str:
    """A coded element."""
    display = f" displayName={quoted(coded.display)}" if coded.display else ""
    return f"<{tag} code={quoted(coded.code)} codeSystem={quoted(coded.scheme)}{display}/>"


def identifier(root: str, extension: str) -> str:
    """An instance identifier; an unknown one is said to be unknown."""
    if not extension and not root:
        return '<id nullFlavor="UNK"/>'
    suffix = f" extension={quoted(extension)}" if extension else ""
    return f"<id root={quoted(root or PS_IDNAT)}{suffix}/>"


def name(person: Person) -> str:
    """The name of a person: family and given."""
    family = f"<family>{quoted_text(person.family)}</family>" if person.family else ""
    given = f"<given>{quoted_text(person.given)}</given>" if person.given else ""
    return f"<name>{given}{family}</name>"


def organization(tag: str, institution: Institution, inner: str) -> str:
    """An organization with its national id, its name, and what follows them in the schema."""
    contact = '<telecom nullFlavor="NASK"/><addr nullFlavor="NASK"/>'
    root = institution.authority or STRUCT_IDNAT
    title = f"<name>{quoted_text(institution.name)}</name>" if institution.name else ""
    return f"<{tag}>{identifier(root, institution.id)}{title}{contact}{inner}</{tag}>"
