"""What tests do with a gateway when it does not matter with which document, and the failure they expect."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from facade.dmp.gateway import SoapGateway
from facade.domain.dmp import DocumentQuery
from facade.domain.document import Availability
from facade.domain.errors import DmpUnavailable
from tests.support.dmp_callers import session
from tests.support.dmp_entries import ENTRY, LOT, SUBMISSION
from tests.support.dmp_server import Reply

HTML = Reply(b"<html><body>Erreur interne</body></html>", status=500, content_type="text/html")


def find(gateway: SoapGateway) -> object:
    return gateway.find_documents(session(), DocumentQuery())


def publish(gateway: SoapGateway) -> object:
    gateway.publish(session(), SUBMISSION)
    return None


def mask(gateway: SoapGateway) -> object:
    gateway.update_metadata(session(), LOT, ENTRY)
    return None


def archive(gateway: SoapGateway) -> object:
    gateway.update_status(session(), LOT, ENTRY, Availability.ARCHIVED)
    return None


CHANGES = [publish, mask, archive]


def unavailable(act: Callable[[SoapGateway], object], gateway: SoapGateway) -> DmpUnavailable:
    with pytest.raises(DmpUnavailable) as caught:
        act(gateway)
    assert caught.value.retry_after is not None
    return caught.value
