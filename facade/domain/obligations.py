"""What the law wants done with a document once it is made: fed to the DMP, sent to professionals, sent to the patient.

Source: art. L. 1111-15 CSP; arrêté of 26 April 2022, modified by that of 23 May 2024, article 1 and annex.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from facade.domain.document import Coded


class Duty(StrEnum):
    """The three duties of article 1, 1° to 3°."""

    DMP = "dmp"
    PROFESSIONALS = "mssante-professionals"
    PATIENT = "mssante-patient"


@dataclass(frozen=True, slots=True)
class Ground:
    """One line of the annex a duty rests on.

    ``document``  its name (``I.1``: part I, line 1); ``text`` the arrêté in the version that holds that day.
    ``since``     the day the duty entered into force; ``already``: the arrêté only recalls it, it is older.
    ``unless``    the production contexts that would exclude it, of those the line or the duty names.
    ``verified``  whether both the line and the typeCode it was given were read in a text.
    """

    document: str
    name_fr: str
    name_en: str
    basis: str
    text: str
    since: date
    already: bool
    unless: tuple[str, ...]
    note_fr: str
    note_en: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Obligation:
    """One duty that is owed, with every line of the annex it rests on."""

    duty: Duty
    grounds: tuple[Ground, ...]


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A duty of one line of the annex that is not owed, because of this production context."""

    duty: Duty
    context: str
    ground: Ground


@dataclass(frozen=True, slots=True)
class Obligations:
    """What is owed for a document of one type made on one day, and which exclusions applied.

    ``listed``: the annex has the type, in force that day or not. One it has not may be fed all the same (référentiel
    DMP 4.1).
    """

    type_code: Coded
    day: date
    contexts: tuple[str, ...]
    listed: bool
    owed: tuple[Obligation, ...]
    exclusions: tuple[Exclusion, ...]


@dataclass(frozen=True, slots=True)
class BeingSent:
    """A duty whose messages are on their way; ``messages`` are their ids. It is fulfilled when they have left."""

    obligation: Obligation
    messages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeftToDo:
    """What a publication leaves of the duties for one document.

    ``still`` are the duties nobody is at, among them one whose message failed; what a message that left fulfilled is in
    neither.
    """

    still: Obligations
    being_sent: tuple[BeingSent, ...] = ()
