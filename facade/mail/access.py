"""How the facade makes itself known to the servers of a MSSanté operator: over TLS, by a certificate or by a token."""

from __future__ import annotations

import ssl

from facade.mail.config import MailConfig


def client_context(config: MailConfig) -> ssl.SSLContext:
    """TLS 1.2 or later with our certificate. Raises ValueError for a certificate, key or authority of no use."""
    context = ssl.create_default_context(cafile=str(config.ca) if config.ca else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if config.certificate is not None:
        try:
            context.load_cert_chain(config.certificate, config.key, config.password or "")
        except (OSError, ssl.SSLError):
            raise ValueError("DMP_FACADE_MAIL__CERTIFICATE and its key cannot be used together") from None
    return context


def xoauth2(user: str, token: str) -> str:
    """What the client says first in SASL XOAUTH2, before base64: the box and the access token for it."""
    return f"user={user}\x01auth=Bearer {token}\x01\x01"
