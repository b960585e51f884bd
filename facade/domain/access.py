"""The vocabulary of the access policy: act, purpose, opposition, decision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Purpose(StrEnum):
    """Purpose of use, JDV_J38-ModeAcces-CISIS."""

    NORMAL = "normal"
    BREAK_GLASS = "bris_de_glace"
    REGULATION = "centre_15"

    @property
    def is_emergency(self) -> bool:
        """Both emergency purposes of art. L. 1111-17 I."""
        return self is not Purpose.NORMAL


class Act(StrEnum):
    """What a caller asks for. ``SEARCH`` and ``READ`` are judged once for the record and again for each document."""

    CHECK = "check"  # TD0.2: does the record exist, may I read it
    SEARCH = "search"  # TD3.1
    READ = "read"  # TD3.1 on one document
    RETRIEVE = "retrieve"  # TD3.2
    PUBLISH = "publish"  # TD2.1
    REPLACE = "replace"  # TD2.1 with RPLC
    MASK = "mask"  # TD3.3a, add MASQUE_PS
    UNMASK = "unmask"  # TD3.3a, remove MASQUE_PS
    HIDE_FROM_PATIENT = "hide-from-patient"  # TD3.3b, add INVISIBLE_PATIENT
    SHOW_TO_PATIENT = "show-to-patient"  # TD3.3b, remove INVISIBLE_PATIENT
    HIDE_FROM_REPRESENTATIVES = "hide-from-representatives"  # TD3.3b, add INVISIBLE_REPRESENTANTS_LEGAUX
    SHOW_TO_REPRESENTATIVES = "show-to-representatives"  # TD3.3b, remove it
    ARCHIVE = "archive"  # TD3.3d
    UNARCHIVE = "unarchive"  # TD3.3d
    WITHDRAW = "withdraw"  # TD3.3c
    SEND = "send"  # secure messaging, to a professional's or an organisation's box
    SEND_TO_PATIENT = "send-to-patient"  # secure messaging, to the box of the holder
    AUTHORISE = "authorise"  # TD0.3
    LIST_AUTHORISATIONS = "list-authorisations"  # TD1.6
    RECORD_CONSENT = "record-consent"  # a local opposition or information
    READ_CONSENT = "read-consent"
    LIST_FED = "list-fed"  # what the structure itself fed into a record
    READ_TRACES = "read-traces"
    PRELOAD = "preload"  # order, fetch or open a temporary local copy (TD3.1 and TD3.2 before the appointment)
    END_PRELOAD = "end-preload"  # remove it: the episode of care is over


class Effect(StrEnum):
    """The two answers of the policy."""

    PERMIT = "permit"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer of the policy. ``rule`` is a stable name, ``basis`` the article or requirement it applies."""

    effect: Effect
    rule: str
    basis: str
    text_fr: str = ""
    text_en: str = ""

    @property
    def permits(self) -> bool:
        """Whether the act may be done."""
        return self.effect is Effect.PERMIT


@dataclass(frozen=True, slots=True)
class Oppositions:
    """The oppositions recorded here that touch this caller's structure or person (EXI 02). No reason is ever kept."""

    feeding: bool = False
    consultation: bool = False


@dataclass(frozen=True, slots=True)
class Preloading:
    """What a preload is judged by (référentiel DMP EXI 11 and EXI 12).

    ``appointment`` is when the patient is taken charge of, ``over`` when that is over at the latest. ``fetching`` is
    false for an order, which may be placed earlier than it may be carried out. ``documents`` counts those whose
    content is wanted for this patient or kept already, ``patients`` those of this professional in 24 hours; both
    count this preload too.
    """

    appointment: datetime
    over: datetime
    fetching: bool = False
    documents: int = 0
    patients: int = 1


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision depends on besides the caller and the record. ``secret`` is a connexion secrète.

    ``emergency_opened`` is when this person first stated this reason for this record, None for a new emergency.
    ``preloading`` is there for the act ``preload``.
    ``suspended``: supervision suspended this person's access through this structure (RECO 01).
    """

    purpose: Purpose
    now: datetime
    reason: str = ""
    secret: bool = False
    on_behalf_of_holder: bool = False
    oppositions: Oppositions = Oppositions()
    emergency_opened: datetime | None = None
    preloading: Preloading | None = None
    suspended: bool = False
