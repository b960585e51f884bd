"""What stands between us and each service of the DMP, in words for the person who sets the facade up.

Nothing is asked of the DMP: the message sent to each service holds neither a VIHF nor a question, and the fault it
earns is what proves that a SOAP service is there.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from datetime import datetime
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from facade.dmp.config import SERVICES, DmpConfig
from facade.dmp.keys import Credential
from facade.dmp.soap import SOAP

_NOTHING = f'<soap:Envelope xmlns:soap="{SOAP}"><soap:Body/></soap:Envelope>'.encode()
_CA = "its certificate does not lead to an authority of the configured CA file: is it of the same environment?"
_OURS = "the DMP does not accept our TLS certificate (AUTH_CLI)"
_NO_TLS = "what listens there does not speak TLS: is the port right?"
_OLD_TLS = "the server speaks no TLS 1.2 or later"
# Verification codes of OpenSSL (x509_vfy.h).
_VERIFY = {
    7: _CA,
    9: "its certificate is not valid yet: is our clock right?",
    10: "its certificate has expired",
    18: _CA,
    19: _CA,
    20: _CA,
    21: _CA,
    62: "its certificate is for another host name",
    64: "its certificate is for another address",
}
# Reasons of OpenSSL, without the protocol that some versions put before them.
_REASONS = {
    "UNKNOWN_CA": f"{_OURS}: it does not know its authority (test and production have their own)",
    "BAD_CERTIFICATE": f"{_OURS}: it cannot be verified",
    "DECRYPT_ERROR": f"{_OURS}: it cannot be verified",
    "CERTIFICATE_UNKNOWN": f"{_OURS}: it says no more",
    "UNSUPPORTED_CERTIFICATE": f"{_OURS}: it is not of the kind the DMP wants",
    "CERTIFICATE_EXPIRED": f"{_OURS}: it has expired",
    "CERTIFICATE_REVOKED": f"{_OURS}: it was revoked",
    "CERTIFICATE_REQUIRED": f"{_OURS}: it asked for one and received none",
    "ACCESS_DENIED": f"{_OURS}: it is valid, but has no right of access",
    "HANDSHAKE_FAILURE": "the server refuses the TLS handshake: no suite in common, or our certificate is not accepted",
    "PROTOCOL_VERSION": _OLD_TLS,
    "UNSUPPORTED_PROTOCOL": _OLD_TLS,
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "HTTP_REQUEST": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "UNRECOGNIZED_NAME": "the server does not know this host name",
}
_CLOSED = (
    "the server closes the connection without a word, as some do that do not accept our TLS certificate (AUTH_CLI)"
)
_NETWORK: dict[type[OSError], str] = {
    socket.gaierror: "the host name is unknown",
    ConnectionRefusedError: "the connection is refused: nothing listens on this port",
    TimeoutError: "no answer in time: is a firewall in between?",
}
_ALERT = re.compile(r"^(?:TLSV\d+|SSLV3|SSL/TLS)_(?:ALERT_)?")
_CONTENT_AFTER = 1.0
_FRONT = (502, 503, 504)
_FORBIDDEN = (401, 403)


def of_services(config: DmpConfig, context: ssl.SSLContext) -> list[str]:
    """One TLS handshake, then one request to each service: what is wrong, each trouble once."""
    address = urlsplit(config.base_url)
    place = f"https://{address.netloc}"
    if trouble := _handshake(address.hostname or "", address.port or 443, config.connect_timeout, context):
        return [f"{place}: {trouble}"]
    troubles: dict[str, list[str]] = {}
    for service in SERVICES:
        if trouble := _request(config.url(service), config.read_timeout, context):
            troubles.setdefault(trouble, []).append(service)
    return [f"{place}, {', '.join(services)}: {trouble}" for trouble, services in troubles.items()]


def of_certificates(auth: Credential, sign: Credential, now: datetime) -> list[str]:
    """What can be seen from our two certificates alone: dates, use, and whether they belong together."""
    found = []
    for name, credential in (("AUTH_CLI", auth), ("SIGN", sign)):
        if now > (end := credential.certificate.not_valid_after_utc):
            found.append(f"{name}: our certificate expired on {end:%Y-%m-%d %H:%M} UTC")
    if not _serves_tls_clients(auth.certificate):
        found.append("AUTH_CLI: our certificate is not meant for TLS clients (extendedKeyUsage): is it the SIGN one?")
    if not _serves_signing(sign.certificate):
        found.append("SIGN: our certificate is not meant for signing (keyUsage): is it the AUTH_CLI one?")
    if auth.certificate == sign.certificate:
        found.append("AUTH_CLI and SIGN are the same certificate: the DMP wants one of each kind")
    first, second = _unit(auth.certificate), _unit(sign.certificate)
    if first != second:
        found.append(f"AUTH_CLI and SIGN belong to different structures (OU {first or 'none'} and {second or 'none'})")
    return found


def _handshake(host: str, port: int, timeout: float, context: ssl.SSLContext) -> str:
    try:
        with (
            socket.create_connection((host, port), timeout) as plain,
            context.wrap_socket(plain, server_hostname=host) as tls,
        ):
            return _verdict(tls)
    except OSError as error:
        return _in_words(error)


def _verdict(tls: ssl.SSLSocket) -> str:
    """What the server thinks of our certificate: in TLS 1.3 it says so only after our side of the handshake.

    Whoever sends a request first may see the connection reset before the reason was read. A server that is content
    waits for a request and says nothing.
    """
    tls.settimeout(_CONTENT_AFTER)
    try:
        return "" if tls.version() != "TLSv1.3" or tls.recv(1) else _CLOSED
    except TimeoutError:
        return ""


def _request(url: str, timeout: float, context: ssl.SSLContext) -> str:
    address = urlsplit(url)
    connection = http.client.HTTPSConnection(
        address.hostname or "", address.port or 443, timeout=timeout, context=context
    )
    try:
        connection.request("POST", address.path, _NOTHING, {"Content-Type": "application/soap+xml; charset=UTF-8"})
        response = connection.getresponse()
        return _of_answer(response.status, response.getheader("Content-Type", ""), address.path)
    except OSError as error:
        return _in_words(error)
    except http.client.HTTPException:
        return "what answers does not speak HTTP"
    finally:
        connection.close()


def _of_answer(status: int, kind: str, path: str) -> str:
    if "xml" in kind or "multipart" in kind:
        return ""
    if status == http.client.NOT_FOUND:
        return f"HTTP 404: there is no service at {path}; check the base URL and the path of the service"
    if status in _FORBIDDEN:
        return f"HTTP {status}: we are refused before the service is reached"
    if status in _FRONT:
        return f"HTTP {status}: a server in front answers that the service behind it does not work"
    return f"HTTP {status} with {kind or 'no Content-Type'}: no SOAP service answers at {path}"


def _in_words(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY.get(error.verify_code, f"its certificate is not valid: {error.verify_message}")
    if isinstance(error, ssl.SSLEOFError | ConnectionResetError | BrokenPipeError | http.client.RemoteDisconnected):
        return _CLOSED
    if isinstance(error, ssl.SSLError):
        reason = _ALERT.sub("", (error.reason or "unknown").upper().replace(" ", "_"))
        return _REASONS.get(reason, f"the TLS handshake fails ({reason.lower().replace('_', ' ')})")
    known = (words for kind, words in _NETWORK.items() if isinstance(error, kind))
    return next(known, f"cannot be reached: {error.strerror or type(error).__name__}")


def _serves_tls_clients(certificate: x509.Certificate) -> bool:
    """One that does not say what it is for, but commits to content (non-repudiation), is for signing."""
    extended, usage = _extended_usage(certificate), _key_usage(certificate)
    if extended is None:
        return usage is None or not usage.content_commitment
    return ExtendedKeyUsageOID.CLIENT_AUTH in extended or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in extended


def _serves_signing(certificate: x509.Certificate) -> bool:
    """One for TLS clients can sign too as far as X.509 goes; the DMP refuses it (DMPInvalidCertificate)."""
    extended, usage = _extended_usage(certificate), _key_usage(certificate)
    if usage is not None and usage.content_commitment:
        return True
    for_tls = extended is not None and ExtendedKeyUsageOID.CLIENT_AUTH in extended
    return not for_tls and (usage is None or usage.digital_signature)


def _extended_usage(certificate: x509.Certificate) -> x509.ExtendedKeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return None


def _key_usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None


def _unit(certificate: x509.Certificate) -> str:
    """The structure a certificate is made out to: its organisational unit (DMP interface, VIHF)."""
    units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    return str(units[0].value) if units else ""
