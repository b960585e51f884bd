"""A second reading of the rules, written from the texts and not from the tables or the engine, to compare with.

Annexe 3 of the référentiel DMP; PDT-INF-606 v1.3 (AIR) and, for what goes under the structure's certificate,
PDT-INF-526 v1.8; chapters 2, 4.3 and 6 of the référentiel. It knows callers and documents by their short names only.
"""

# ruff: noqa: PLR0911 - one return for each sentence of the texts

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

Given = Mapping[str, Any]

#                      any  author treating emergency blocked
ANNEXE_3 = {
    "professional": "yes  yes    yes      yes       author",
    "professional+": "no   yes    yes      yes       no",
    "holder": "yes  -      yes      yes       no",
    "holder+": "no   -      yes      yes       no",
    "application": "yes  -      yes      yes       no",
    "application+": "no   -      yes      yes       no",
    "minor": "yes  yes    yes      yes       no",
}
COLUMNS = ("any", "author", "treating", "emergency", "blocked")

#                             normal bris centre15, y = yes, n = no, o = own documents, blank column = no such column
PDT_INF_606 = {
    "check": {"nurse": "yyy", "doctor": "yyy", "treating": "yy"},
    "authorise": {"nurse": "ynn", "doctor": "ynn", "treating": "yn"},
    "list-authorisations": {"nurse": "ynn", "doctor": "ynn", "treating": "yn"},
    "search": {"nurse": "yyy", "doctor": "yyy", "treating": "yy"},
    "read": {"nurse": "yyy", "doctor": "yyy", "treating": "yy"},
    "retrieve": {"nurse": "yyy", "doctor": "yyy", "treating": "yy"},
    "mask": {"nurse": "ynn", "doctor": "ynn", "treating": "yn"},
    "unmask": {"nurse": "onn", "doctor": "onn", "treating": "yn"},
    "show-to-patient": {"nurse": "ynn", "doctor": "ynn", "treating": "yn"},
    "archive": {"nurse": "onn", "doctor": "yyy", "treating": "yy"},
    "unarchive": {"nurse": "onn", "doctor": "yyy", "treating": "yy"},
    "withdraw": {"nurse": "ooo", "doctor": "ooo", "treating": "oo"},
    # the référentiel, 4.3: the author hides from the patient, any professional from the parents of a minor
    "hide-from-patient": {"nurse": "onn", "doctor": "onn", "treating": "on"},
    "hide-from-representatives": {"nurse": "ynn", "doctor": "ynn", "treating": "yn"},
    "show-to-representatives": {"nurse": "ynn", "doctor": "ynn", "treating": "yn"},
    # secure messaging: whoever reads in the normal mode sends
    "send": {"nurse": "ynn", "doctor": "ynn", "treating": "yn"},
    "send-to-patient": {"nurse": "ynn", "doctor": "ynn", "treating": "yn"},
    # the facade's own records
    "record-consent": {"nurse": "yyy", "doctor": "yyy", "treating": "yyy"},
    "read-consent": {"nurse": "yyy", "doctor": "yyy", "treating": "yyy"},
    "list-fed": {"nurse": "yyy", "doctor": "yyy", "treating": "yyy"},
    "read-traces": {"nurse": "yyy", "doctor": "yyy", "treating": "yyy"},
    # the référentiel, 5.1: a preload prepares an appointment, which no emergency has
    "preload": {"nurse": "ynn", "doctor": "ynn", "treating": "yn"},
    "end-preload": {"nurse": "yyy", "doctor": "yyy", "treating": "yyy"},
}
STRUCTURE = {"check", "publish", "replace", "withdraw", "record-consent", "read-consent", "list-fed"}
PATIENT = {
    "check", "search", "read", "retrieve", "publish", "replace", "mask", "unmask", "archive", "unarchive", "withdraw",
    "read-consent", "read-traces",
}  # fmt: skip
REPRESENTATIVE = {"check", "search", "read", "retrieve", "publish", "read-traces"}
APPLICATION = {"check", "publish"}
READING = {"search", "read", "retrieve"}
SENDING = {"send", "send-to-patient"}
PRELOADING = {"preload", "end-preload"}
LOCAL = {"record-consent", "read-consent", "list-fed", "read-traces"} | PRELOADING
FEEDING = {"publish", "replace"}
NEEDS_NO_RECORD = {"check", "record-consent", "read-consent", "list-fed"} | PRELOADING
NEEDS_NO_AIR = NEEDS_NO_RECORD - PRELOADING | FEEDING
NEEDS_ACCESS = set(PDT_INF_606) - {"check", "authorise"} - LOCAL
LEFT_TO_BLOCKED = READING | FEEDING | NEEDS_NO_RECORD | {"withdraw", "read-traces"} | SENDING
PARENTS = {"hide-from-representatives", "show-to-representatives"}
KNOWN_DENIALS = {("doctor", "ATTEST-RESID"), ("nurse", "68599-0")}
MODES = ("normal", "bris_de_glace", "centre_15")


def expected(caller: str, act: str, record: Given, circumstances: Given, document: Given | None) -> tuple[bool, str]:
    """Whether the act is permitted, and the rule that says so."""
    refusal = _caller(caller, act, record, circumstances) or _record(caller, act, record, circumstances)
    if refusal:
        return False, refusal
    if document is None:
        return True, _title(caller, act, record, circumstances)
    return of_document(caller, act, record, circumstances, document)


def of_document(caller: str, act: str, record: Given, circumstances: Given, document: Given) -> tuple[bool, str]:
    """The same for an act that nothing refuses on the record, whatever the document."""
    if act in READING:
        return _seen(caller, record, circumstances, document)
    if act == "publish":
        return _published(caller, record, circumstances, document)
    if act == "replace":
        return _replaced(caller, record, circumstances, document)
    if act in LOCAL or act in ("check", "authorise", "list-authorisations"):
        return True, f"act.{act}"
    return _acted(caller, act, record, circumstances, document)


@cache
def _kind(caller: str) -> str:
    for kind in ("structure", "patient", "representative", "application"):
        if caller.startswith(kind):
            return kind
    return "professional"


def _professional_cell(caller: str, act: str, record: Given, purpose: str) -> str:
    if act in FEEDING:
        return "yny"[MODES.index(purpose)]
    if caller == "occupational-doctor" and not record["treating"]:
        if act in LOCAL:
            return PDT_INF_606[act]["doctor"][MODES.index(purpose)]
        cells = {"retrieve": "n", "authorise": "n", "unmask": "o", "archive": "o", "unarchive": "o"}
        cells |= {"withdraw": "o", "hide-from-patient": "o", "send": "n", "send-to-patient": "n"}
        return cells.get(act, "y") if purpose == "normal" else ""
    column = "nurse" if caller == "nurse" else "doctor"
    if record["treating"] and purpose != "centre_15":
        column = "treating"
    cells_606 = PDT_INF_606[act][column]
    return cells_606[MODES.index(purpose)] if MODES.index(purpose) < len(cells_606) else ""


def _caller(caller: str, act: str, record: Given, given: Given) -> str:
    kind, purpose = _kind(caller), given["purpose"]
    if caller == "no-rpps":
        return "caller.professional.no-rpps"
    if purpose != "normal" and kind != "professional":
        return "purpose.professionals-only"
    if purpose == "centre_15" and caller != "regulator":
        return "emergency.regulation.not-a-regulator"
    if not _has_right(caller, kind, act, record, purpose):
        return _no_right(caller, kind, act, record)
    if kind == "professional" and act not in NEEDS_NO_AIR:
        if caller == "single-factor":
            return "caller.professional.single-factor"
        if caller == "not-homologated" and act not in ("read-traces", "end-preload"):
            return "caller.structure.not-homologated"
    if act in FEEDING and caller.endswith("no-feeding"):
        return "pairing.feeding-not-consented"
    if act not in FEEDING | NEEDS_NO_RECORD and caller.endswith("no-reading"):
        return "pairing.reading-not-consented"
    return "secret.professionals-only" if given["secret"] and kind not in ("professional", "structure") else ""


def _has_right(caller: str, kind: str, act: str, record: Given, purpose: str) -> bool:
    if kind == "professional":
        return _professional_cell(caller, act, record, purpose) in ("y", "o")
    return act in {"structure": STRUCTURE, "patient": PATIENT, "representative": REPRESENTATIVE}.get(kind, APPLICATION)


def _no_right(caller: str, kind: str, act: str, record: Given) -> str:
    if act in READING | {"preload"} and kind in ("structure", "application"):
        return f"{kind}.never-reads"
    somewhere = kind == "professional" and any(_has_right(caller, kind, act, record, mode) for mode in MODES)
    return "right.not-in-this-mode" if somewhere else "right.not-for-this-caller"


def _record(caller: str, act: str, record: Given, given: Given) -> str:
    kind, emergency = _kind(caller), given["purpose"] != "normal"
    blocked = kind == "professional" and record["authorisation"] == "INTERDIT"
    if act not in NEEDS_NO_RECORD:
        if record["state"] in ("absent", "closed"):
            return f"record.{record['state']}"
        if record["state"] == "deceased" and act in FEEDING:
            return "record.deceased"
    if blocked and act not in LEFT_TO_BLOCKED:
        return "blocked.by-holder"
    if kind in ("professional", "structure"):
        if "feeding" in given["opposes"] and act in FEEDING:
            return "opposition.feeding"
        if "consultation" in given["opposes"] and act in NEEDS_ACCESS | {"authorise", "preload"} and not emergency:
            return "opposition.consultation"
    if emergency and act in NEEDS_ACCESS and given["purpose"] in record["objects"]:
        return "emergency.objected"
    authorised = blocked or record["treating"] or record["authorisation"] == "VALIDE"
    if kind == "professional" and act in NEEDS_ACCESS and not emergency and not authorised:
        return "record.not-authorised"
    return _minority(kind, act, record, given)


def _minority(kind: str, act: str, record: Given, given: Given) -> str:
    age = record["age"]
    if age == "minor":
        return ""
    if kind == "representative":
        return "representative.age-unknown" if age == "unknown" else "representative.of-age"
    if given["secret"] and act not in NEEDS_NO_RECORD:
        return "secret.age-unknown" if age == "unknown" else "secret.not-a-minor"
    if act in PARENTS:
        return "masking.representatives.age-unknown" if age == "unknown" else "masking.representatives.not-a-minor"
    return ""


def _title(caller: str, act: str, record: Given, given: Given) -> str:
    if act not in READING:
        return f"act.{act}"
    kind = _kind(caller)
    if kind != "professional":
        return {"patient": "patient.own-record"}.get(kind, "representative.minor-record")
    if record["authorisation"] == "INTERDIT":
        return "blocked.own-documents-only"
    if given["purpose"] != "normal":
        return "emergency." + str(given["purpose"]).replace("_", "-")
    return "professional.treating-doctor" if record["treating"] else "professional.authorised"


def _seen(caller: str, record: Given, given: Given, document: Given) -> tuple[bool, str]:
    if document["status"] == "deleted":
        return False, "document.withdrawn"
    kind = _kind(caller)
    if kind in ("patient", "representative"):
        return _seen_by_citizen(kind, document)
    blocked, emergency = record["authorisation"] == "INTERDIT", given["purpose"] != "normal"
    own = document["by"] == "me"
    column = "blocked" if blocked else "emergency" if emergency else "treating" if record["treating"] else "any"
    column = "author" if own and column == "any" else column
    for row in _rows(document):
        cell = ANNEXE_3[row].split()[COLUMNS.index(column)]
        if cell == "no" or (cell == "author" and not own):
            return False, "blocked.not-own-document" if blocked else "masking.professional.masked-by-holder"
    if blocked:
        return True, "blocked.own-document"
    if column == "author":
        return True, "professional.author"
    title = _title(caller, "read", record, given)
    profession = "nurse" if caller == "nurse" else "doctor"
    if column == "treating" or (profession, document["type_code"]) not in KNOWN_DENIALS:
        return True, title
    if record["treating"]:
        return True, "professional.treating-doctor"
    return (True, "professional.author") if own else (False, "habilitation.denied")


def _rows(document: Given) -> list[str]:
    made_by = {"patient": "holder", "application": "application"}.get(document["by"], "professional")
    masked = document["unknown"] or "MASQUE_PS" in document["flags"]
    secret = document["unknown"] or "INVISIBLE_REPRESENTANTS_LEGAUX" in document["flags"]
    return [made_by + ("+" if masked else "")] + (["minor"] if secret else [])


def _seen_by_citizen(kind: str, document: Given) -> tuple[bool, str]:
    if document["unknown"] or "INVISIBLE_PATIENT" in document["flags"]:
        patient = kind == "patient"
        return False, f"masking.{kind}.hidden-" + ("by-professional" if patient else "from-patient")
    if kind == "representative" and "INVISIBLE_REPRESENTANTS_LEGAUX" in document["flags"]:
        return False, "masking.representative.secret-of-minor"
    return True, {"patient": "patient.own-record"}.get(kind, "representative.minor-record")


def _acted(caller: str, act: str, record: Given, given: Given, document: Given) -> tuple[bool, str]:
    kind = _kind(caller)
    if kind == "structure":
        if document["status"] == "deleted":
            return False, "document.withdrawn"
        if document["by"] not in ("me", "colleague"):
            return False, "structure.not-its-document"
        return True, f"act.{act}"
    seen, rule = _seen(caller, record, given, document)
    if not seen:
        return False, rule
    if kind == "patient":
        allowed = act in ("mask", "unmask") or document["by"] == "patient"
        return (True, f"act.{act}") if allowed else (False, "right.not-author")
    if document["by"] == "patient" and act in ("archive", "unarchive", "withdraw"):
        treating = record["treating"] and given["purpose"] != "centre_15"
        return (True, f"act.{act}") if treating else (False, "right.patient-document")
    if act in SENDING and (kept := _kept_from_boxes(act, record, given, document)):
        return False, kept
    own_only = _professional_cell(caller, act, record, given["purpose"]) == "o"
    refused = own_only and document["by"] != "me"
    return (False, "right.not-author") if refused else (True, f"act.{act}")


def _kept_from_boxes(act: str, record: Given, given: Given, document: Given) -> str:
    """ANS, règles de gestion MSSanté; a minor's box is opened by the parents."""
    flags, unknown = document["flags"], document["unknown"]
    if act == "send":
        if unknown or "MASQUE_PS" in flags:
            return "sending.professional.masked-by-holder"
        secret = "INVISIBLE_REPRESENTANTS_LEGAUX" in flags
        return "sending.professional.secret-of-minor" if secret else ""
    if unknown or "INVISIBLE_PATIENT" in flags:
        return "sending.patient.hidden-by-professional"
    secret = given["secret"] or "INVISIBLE_REPRESENTANTS_LEGAUX" in flags
    return "sending.patient.secret-of-minor" if secret and record["age"] != "adult" else ""


def of_new_document(caller: str, act: str, record: Given, given: Given, document: Given) -> tuple[bool, str]:
    """The same for sending what the caller publishes: nothing is read, so no title to the record is asked for."""
    if _kind(caller) not in ("professional", "structure"):
        return False, "right.not-for-this-caller"
    if record["state"] in ("absent", "closed"):
        return False, f"record.{record['state']}"
    if document["status"] == "deleted":
        return False, "document.withdrawn"
    kept = _kept_from_boxes(act, record, given, document)
    return (False, kept) if kept else (True, f"act.{act}")


def _published(caller: str, record: Given, given: Given, document: Given) -> tuple[bool, str]:
    kind, flags = _kind(caller), document["flags"]
    citizen = kind not in ("professional", "structure")
    if document["unknown"]:
        return False, "masking.unknown-code"
    if not citizen and document["by"] not in ("me", "colleague"):
        return False, "publication.institution-not-callers"
    if citizen and document["by"] in ("me", "colleague", "other"):
        return False, "publication.not-as-professional"
    if "INVISIBLE_REPRESENTANTS_LEGAUX" in flags:
        if citizen:
            return False, "masking.representatives.professionals-only"
        if record["age"] != "minor":
            unknown = record["age"] == "unknown"
            return False, "masking.representatives." + ("age-unknown" if unknown else "not-a-minor")
    if "INVISIBLE_PATIENT" in flags and citizen:
        return False, "masking.patient.professionals-only"
    if "MASQUE_PS" in flags and kind in ("representative", "application"):
        return False, "masking.professionals.not-by-this-caller"
    if "MASQUE_PS" in flags and kind == "structure" and not given["on_behalf"]:
        return False, "masking.professionals.not-on-behalf"
    return True, "act.publish"


def _replaced(caller: str, record: Given, given: Given, document: Given) -> tuple[bool, str]:
    kind = _kind(caller)
    if document["status"] == "deleted":
        return False, "document.withdrawn"
    if kind in ("structure", "patient"):
        return _acted(caller, "replace", record, given, document)
    readable = not _caller(caller, "read", record, given) and not _record(caller, "read", record, given)
    readable = readable and _seen(caller, record, given, document)[0]
    own = document["by"] == "me"
    if own and (record["authorisation"] != "INTERDIT" or _seen(caller, record, given, document)[0]):
        return True, "act.replace"
    if not readable:
        return False, "replace.not-its-document"
    return (True, "act.replace") if document["by"] == "colleague" else (False, "right.not-replaceable")
