"""authorSpecialty: profession and savoir-faire in one code (``G15_10/SM26``), from a request or from the token.

Source: JDV_J01-XdsAuthorSpecialty-CISIS (TRE_A02); TRE_G15 professions; TRE_R01 savoir-faire.
"""

from __future__ import annotations

from facade.domain.caller import Caller
from facade.domain.document import Coded
from facade.translation.problems import Problems, shown
from facade.translation.resources import child, codings, objects
from facade.translation.tables import CodeTables, Json

TRE_A02 = "1.2.250.1.213.1.1.4.5"
TRE_G15 = "1.2.250.1.71.1.2.7"


def caller_specialty(caller: Caller, tables: CodeTables) -> tuple[Coded, ...]:
    """The authorSpecialty of the token's profession and savoir-faire; the profession alone if need be."""
    return _joined(caller.profession, caller.specialty, tables)


def read_specialties(
    role: Json, practitioner: Json, tables: CodeTables, problems: Problems, element: str
) -> tuple[Coded, ...]:
    """The authorSpecialty codes a request gives, as one code of JDV_J01 or as profession and savoir-faire apart.

    Notes ``code.unknown`` for a TRE_A02 code outside JDV_J01. Codings of other systems are left alone: PractitionerRole
    carries activities, functions and ways of practising that XDS has no place for.
    """
    found: list[Coded] = []
    profession = savoir_faire = ""
    concepts = [*objects(role, "specialty"), *objects(role, "code")]
    concepts += [child(qualification, "code") for qualification in objects(practitioner, "qualification")]
    for coding in (coding for concept in concepts for coding in codings(concept)):
        code, oid = coding["code"], tables.systems.oid_of(str(coding.get("system", "")))
        known = tables.specialties.find(str(coding.get("system", "")), code)
        if known is not None:
            if known not in found:
                found.append(known)
        elif oid == TRE_A02:
            problems.add("code.unknown", element, code=shown(code), value_set=tables.specialties.name)
        elif oid == TRE_G15:
            profession = profession or code
        elif code in tables.savoir_faire:
            savoir_faire = savoir_faire or code
    return tuple(found) or _joined(profession, savoir_faire, tables)


def _joined(profession: str, savoir_faire: str, tables: CodeTables) -> tuple[Coded, ...]:
    if not profession:
        return ()
    for code in (f"G15_{profession}/{savoir_faire}", f"G15_{profession}"):
        known = tables.specialties.find(TRE_A02, code)
        if known is not None:
            return (known,)
    return ()
