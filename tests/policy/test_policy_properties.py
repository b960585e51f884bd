"""What holds for every combination, whatever the tables' cells say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from facade.domain.access import Act, Context, Decision
from facade.domain.caller import Caller, CallerKind
from facade.domain.document import DocumentEntry
from facade.domain.dossier import Dossier
from facade.domain.masking import Flag, Masking
from facade.policy.access import PolicySettings, decide, precheck, visible
from facade.policy.days import legal_day
from facade.policy.vocabulary import Scope
from tests.support.policy import CALLERS, ME, PATIENT, context, document, dossier, settings, tables

READING = (Act.SEARCH, Act.READ, Act.RETRIEVE)
callers = st.sampled_from(sorted(CALLERS)).map(CALLERS.__getitem__)
acts = st.sampled_from(list(Act))
dossiers = st.builds(
    dossier,
    authorisation=st.sampled_from(["VALIDE", "NON_EXISTE", "INTERDIT", "EXPIRE"]),
    treating=st.booleans(),
    state=st.sampled_from(["open", "open", "open", "closed", "absent", "deceased"]),
    objects=st.sets(st.sampled_from(["bris_de_glace", "centre_15"])).map(tuple),
    age=st.sampled_from(["adult", "minor", "unknown"]),
)
contexts = st.builds(
    context,
    purpose=st.sampled_from(["normal", "bris_de_glace", "centre_15"]),
    reason=st.sampled_from([None, "", "détresse"]),
    opposes=st.sets(st.sampled_from(["feeding", "consultation"])).map(tuple),
    secret=st.booleans(),
    on_behalf=st.booleans(),
)
documents = st.builds(
    document,
    by=st.sampled_from(["me", "colleague", "other", "patient", "application"]),
    flags=st.sets(st.sampled_from([flag.value for flag in Flag])).map(tuple),
    unknown=st.booleans(),
    type_code=st.sampled_from(["11502-2", "ATTEST-RESID", "68599-0", "EXPPAT_3", "DOCPAT01"]),
    class_code=st.sampled_from(["10", "42", "90"]),
    status=st.sampled_from(["approved", "archived", "deprecated", "deleted"]),
    signature=st.sampled_from([False, False, False, True]),
    facility=st.sampled_from([None, None, "EXP_PATIENT", "SNR"]),
)
choices = st.builds(
    settings,
    habilitation=st.sampled_from(["known-denials", "strict", "off"]),
    citizens=st.sampled_from([True, True, False]),
    on_behalf_required=st.booleans(),
)


def ask(
    caller: Caller, act: Act, record: Dossier, entry: DocumentEntry | None, around: Context, chosen: PolicySettings
) -> Decision:
    return decide(tables(), caller.toward(PATIENT), act, record, entry, around, PATIENT, chosen)


@given(callers, st.sampled_from(READING), dossiers, documents, contexts, choices, st.sampled_from(list(Flag)))
def test_adding_a_flag_never_adds_a_reader(
    caller: Caller,
    act: Act,
    record: Dossier,
    entry: DocumentEntry,
    around: Context,
    chosen: PolicySettings,
    flag: Flag,
) -> None:
    more = replace(entry, masking=Masking(entry.masking.level, entry.masking.flags | {flag}, entry.masking.unknown))
    if ask(caller, act, record, more, around, chosen).permits:
        assert ask(caller, act, record, entry, around, chosen).permits


@given(callers, st.sampled_from(READING), dossiers, documents, contexts, choices)
def test_an_unknown_label_never_adds_a_reader(
    caller: Caller, act: Act, record: Dossier, entry: DocumentEntry, around: Context, chosen: PolicySettings
) -> None:
    more = replace(entry, masking=Masking(entry.masking.level, entry.masking.flags, frozenset({"?"})))
    if ask(caller, act, record, more, around, chosen).permits:
        assert ask(caller, act, record, entry, around, chosen).permits


@given(callers, acts, dossiers, documents, contexts, choices)
def test_a_blocked_professional_never_touches_anothers_document(
    caller: Caller, act: Act, record: Dossier, entry: DocumentEntry, around: Context, chosen: PolicySettings
) -> None:
    record = dossier(authorisation="INTERDIT", treating=record.treating_doctor, age="minor")
    about_document = tables().acts[act].about == "document"
    if caller.kind is CallerKind.PROFESSIONAL and about_document and not entry.has_author(ME):
        assert not ask(caller, act, record, entry, around, chosen).permits


@given(callers, acts, dossiers, st.none() | documents, contexts, choices)
def test_no_permit_without_a_basis_and_no_denial_without_a_way_to_tell_it(
    caller: Caller, act: Act, record: Dossier, entry: DocumentEntry | None, around: Context, chosen: PolicySettings
) -> None:
    decision = ask(caller, act, record, entry, around, chosen)
    assert decision.basis
    assert decision.rule in tables().rules
    assert (tables().scope(decision.rule) is Scope.NONE) is decision.permits
    if entry is None and not decision.permits:
        assert tables().scope(decision.rule) is Scope.RECORD


@given(callers, acts, dossiers, documents, contexts, choices)
def test_an_act_on_a_document_needs_to_see_it(
    caller: Caller, act: Act, record: Dossier, entry: DocumentEntry, around: Context, chosen: PolicySettings
) -> None:
    """Feeding (a new document, the correction of one's own) and the structure's withdrawal apart."""
    person = caller.kind is not CallerKind.STRUCTURE
    if tables().acts[act].about == "document" and act is not Act.REPLACE and person:
        decision = ask(caller, act, record, entry, around, chosen)
        seen = ask(caller, Act.READ, record, entry, around, chosen)
        if decision.permits or tables().scope(decision.rule) is Scope.RIGHT:
            assert seen.permits


@given(callers, acts, dossiers, contexts, choices)
def test_what_is_refused_before_the_dmp_is_asked_stays_refused(
    caller: Caller, act: Act, record: Dossier, around: Context, chosen: PolicySettings
) -> None:
    early = precheck(tables(), caller.toward(PATIENT), act, around, PATIENT, chosen)
    if early is not None:
        assert not early.permits
        assert tables().scope(early.rule) is Scope.RECORD
        assert not ask(caller, act, record, None, around, chosen).permits


@given(callers, dossiers, st.lists(documents, max_size=8), contexts, choices)
def test_a_list_is_judged_as_its_documents_are(
    caller: Caller, record: Dossier, entries: list[DocumentEntry], around: Context, chosen: PolicySettings
) -> None:
    shown = visible(tables(), caller.toward(PATIENT), record, entries, around, PATIENT, chosen)
    alone = [(entry, ask(caller, Act.SEARCH, record, entry, around, chosen)) for entry in entries]
    assert shown == [(entry, decision) for entry, decision in alone if decision.permits]


@given(st.datetimes(datetime(1996, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - zone given
def test_the_legal_day_is_that_of_paris(moment: datetime) -> None:
    day = legal_day(moment)
    assert day in {(moment + timedelta(hours=1)).date(), (moment + timedelta(hours=2)).date()}
    assert legal_day(moment.astimezone()) == day
