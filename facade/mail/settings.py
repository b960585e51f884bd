"""The settings of secure messaging: the part ``mail`` of the facade's settings, and what the submission needs of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from facade.mail.addresses import WhiteList, is_domain, read_address
from facade.mail.config import MailConfig, TokenSource

_MEGABYTE = 1024 * 1024


class _Part(BaseModel):
    """A name that is misspelt is an error here too."""

    model_config = ConfigDict(extra="forbid")


class MailTokenSettings(_Part):
    """Where the access token of XOAUTH2 is asked for (OAuth 2.0 client credentials)."""

    url: str = Field(description="Token endpoint, https")
    client_id: str = Field(description="Id of this facade there")
    client_secret: SecretStr = Field(description="Its secret there")
    scope: str = Field("", description="Scope asked for, where one is")
    ca: Path | None = Field(None, description="PEM of the authorities of that endpoint, where it has its own")


class MailReportSettings(_Part):
    """Where the outbox collects what comes back: the sending box, by IMAP, known there as for submission."""

    host: str = Field("", description="IMAP server of the sending box; empty: reports come by dmp-facade mail-in")
    port: int = Field(993, description="993 with implicit, 143 with starttls")
    tls: Literal["starttls", "implicit"] = Field("implicit", description="How TLS begins; without TLS nothing is read")
    folder: str = Field("INBOX", pattern=r"^[ -~]+$", description="Where reports arrive; printable ASCII")
    seconds: float = Field(60.0, ge=1, description="Between two visits")
    taken: Literal["seen", "deleted"] = Field(
        "seen", description="What becomes of a report that was taken in; all else in the box stays as it is"
    )


class MailSettings(_Part):
    """Secure messaging (MSSanté): the submission server of the operator, the boxes written from, and to."""

    host: str = Field("", description="Submission server of the MSSanté operator; empty: nothing is sent")
    port: int = Field(587, description="587 with starttls, 465 with implicit")
    tls: Literal["starttls", "implicit"] = Field("starttls", description="How TLS begins; without TLS nothing is sent")
    ca: Path | None = Field(None, description="PEM of the authorities of the server; default: those of the system")
    auth: Literal["xoauth2", "certificate"] = Field(
        "certificate",
        description="certificate: of the TLS client, for an APP box; xoauth2: a token, for PER, ORG boxes",
    )
    certificate: Path | None = Field(None, description="PEM of the client certificate (IGC-Santé, ORG)")
    key: Path | None = Field(None, description="Its key, PEM; none where the certificate's file holds it")
    password: SecretStr | None = Field(None, description="Of that key, where it has one")
    user: str = Field("", description="The box XOAUTH2 logs in to; empty: the sender")
    token: MailTokenSettings | None = Field(None, description="Where the token of xoauth2 is asked for")
    hello: str = Field("localhost", description="What the facade calls itself to the server (EHLO)")
    sender: str = Field("", description="The box messages come from, e.g. an APP box of the structure")
    senders: dict[str, str] = Field({}, description="The box of single structures, by Struct_IdNat: overrides sender")
    patient_replies: bool = Field(False, description="Patients may reply; otherwise X-MSS-MES: FIN says they may not")
    product: str = Field("", description="X-MSS-NIL: number of the product, given by the ANS (NIL)")
    domains: tuple[str, ...] = Field(
        ("*.mssante.fr",),
        description="White list of recipients' domains: name alone, or *.name for those below it. The MSSanté space "
        "has domains outside mssante.fr: the list of the operators (ANS) is published and may be written here",
    )
    patient_domain: str = Field("patient.mssante.fr", description="Domain of the patients' boxes: <INS>@ this domain")
    timeout: float = Field(30.0, gt=0, description="Seconds for the server's replies, that to the end of data apart")
    data_timeout: float = Field(600.0, gt=0, description="Seconds for that one (RFC 5321, 4.5.3.2.6)")
    lease_seconds: int = Field(300, ge=1, description="How long one sender keeps a message up to the end of its data")
    retry_first: int = Field(60, ge=1, description="Seconds before the second attempt; each next one waits twice that")
    retry_longest: int = Field(3600, ge=1, description="Seconds between two attempts at most")
    give_up_hours: float = Field(48.0, gt=0, description="After so long a message is undeliverable (RFC 5321: days)")
    max_message_bytes: int = Field(10 * _MEGABYTE, description="Largest message; more is refused with 422")
    max_recipients: int = Field(20, ge=1, description="Recipients of one request at most")
    reports: MailReportSettings = Field(
        MailReportSettings(), description="Where reports of delivery are collected, by IMAP"
    )
    retention_days: int = Field(184, ge=1, description="How long what became of a message is kept")

    @field_validator("domains")
    @classmethod
    def _white_list(cls, domains: tuple[str, ...]) -> tuple[str, ...]:
        WhiteList(domains)
        return domains

    @field_validator("patient_domain")
    @classmethod
    def _one_domain(cls, domain: str) -> str:
        if not is_domain(domain):
            raise ValueError("mail.patient_domain is a domain name in lower case")
        return domain

    @model_validator(mode="after")
    def _can_be_used(self) -> MailSettings:
        if not self.host:
            return self
        for sender in (self.sender, *self.senders.values()):
            read_address(sender)
        if self.auth == "xoauth2" and self.token is None:
            raise ValueError("mail.auth is xoauth2: mail.token says where the token is asked for")
        if self.auth == "certificate" and self.certificate is None:
            raise ValueError("mail.auth is certificate: mail.certificate is not set")
        return self

    @property
    def boxes(self) -> tuple[str, ...]:
        """The boxes reports come to, as they are called when logging in."""
        return (self.user,) if self.user else tuple(dict.fromkeys(filter(None, (self.sender, *self.senders.values()))))

    def sender_of(self, structure_id: str) -> str:
        """The box a structure writes from."""
        return self.senders.get(structure_id, self.sender)


def mail_config(settings: MailSettings) -> MailConfig:
    """What the submission needs. Raises ValueError when messaging is not configured."""
    if not settings.host:
        raise ValueError("DMP_FACADE_MAIL__HOST is not set: there is nowhere to send to")
    token = settings.token
    source = None
    if token is not None:
        source = TokenSource(token.url, token.client_id, token.client_secret.get_secret_value(), token.scope, token.ca)
    return MailConfig(
        host=settings.host,
        port=settings.port,
        tls=settings.tls,
        auth=settings.auth,
        name=settings.hello,
        user=settings.user or settings.sender,
        ca=settings.ca,
        certificate=settings.certificate,
        key=settings.key,
        password=settings.password.get_secret_value() if settings.password else None,
        token=source,
        timeout=settings.timeout,
        data_timeout=settings.data_timeout,
    )


def box_configs(settings: MailSettings) -> list[MailConfig]:
    """How the boxes reports come to are reached, each; none where they are not collected. Raises ValueError."""
    if not settings.reports.host:
        return []
    reports, usual = settings.reports, mail_config(settings)
    return [replace(usual, host=reports.host, port=reports.port, tls=reports.tls, user=box) for box in settings.boxes]
