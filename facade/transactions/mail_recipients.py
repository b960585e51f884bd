"""From the addresses of a request to the boxes that may be written to, and the acts of sending they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from facade.domain.access import Act
from facade.domain.errors import InvalidInput, Problem
from facade.domain.ins import INS
from facade.domain.mail import Audience
from facade.mail.addresses import Address, NotAnAddress, WhiteList, read_address
from facade.mail.settings import MailSettings
from facade.translation.problems import Problems
from facade.translation.send_in import Wish

TRANSACTION = "MSSanté"
_ACTS = {Audience.PROFESSIONAL: Act.SEND, Audience.PATIENT: Act.SEND_TO_PATIENT}


@dataclass(frozen=True, slots=True)
class Recipient:
    """A box, and whose it is."""

    address: Address
    audience: Audience

    @property
    def act(self) -> Act:
        """The act of sending to it."""
        return _ACTS[self.audience]


def recipients_of(wish: Wish, settings: MailSettings, path: str) -> tuple[Recipient, ...]:
    """The boxes that are asked for by address, each once; whose patient's box is checked apart.

    Raises InvalidInput with every address that is none or is outside the white list.
    """
    problems, white_list = Problems(), WhiteList(settings.domains)
    found: dict[str, Recipient] = {}
    for written, where in wish.recipients:
        try:
            address = read_address(written)
        except NotAnAddress:
            problems.add("mail.recipient-address", where)
            continue
        if not (white_list.admits(address) or address.domain == settings.patient_domain):
            problems.add("mail.recipient-domain", where, domain=address.domain)
        patient = address.domain == settings.patient_domain
        found.setdefault(address.key, Recipient(address, Audience.PATIENT if patient else Audience.PROFESSIONAL))
    if len(found) > settings.max_recipients:
        problems.add("mail.too-many-recipients", path, count=str(len(found)), limit=str(settings.max_recipients))
    problems.check()
    return tuple(found.values())


def with_patient(
    recipients: Iterable[Recipient], wish: Wish, patient: INS, settings: MailSettings, path: str
) -> tuple[Recipient, ...]:
    """The same with the patient's own box where it is wished for. Raises InvalidInput for another patient's box.

    To be asked only once the caller may know whose document it is.
    """
    own = Recipient(Address(patient.value, settings.patient_domain), Audience.PATIENT)
    found = {each.address.key: each for each in recipients}
    if any(each.audience is Audience.PATIENT and key != own.address.key for key, each in found.items()):
        raise InvalidInput(Problem("mail.recipient-not-the-patient", (path,)))
    if wish.patient:
        found[own.address.key] = own
    return tuple(found.values())


def acts_of(recipients: Iterable[Recipient], wish: Wish) -> tuple[Act, ...]:
    """The acts of sending a request consists of, that to professionals first."""
    acts = {each.act for each in recipients} | ({Act.SEND_TO_PATIENT} if wish.patient else set())
    return tuple(sorted(acts, key=lambda act: act is Act.SEND_TO_PATIENT))


def told(recipients: Iterable[Recipient]) -> dict[Act, str]:
    """The boxes by act, as a trace tells them."""
    found: dict[Act, list[str]] = {}
    for each in recipients:
        found.setdefault(each.act, []).append(str(each.address))
    return {act: ",".join(sorted(boxes)) for act, boxes in found.items()}


def configured(settings: MailSettings, structure_id: str) -> str:
    """The box a structure writes from. Raises InvalidInput ``mail.not-configured``."""
    sender = settings.sender_of(structure_id)
    if not (settings.host and sender):
        raise InvalidInput.of("mail.not-configured")
    return sender
