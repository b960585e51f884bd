"""A demonstration of the consent tests' own: they change what everybody may do with a record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.demo import RunningDemo, running_demo

Statement = Callable[..., dict[str, Any]]
SCOPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}


@pytest.fixture(scope="module")
def consent_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    with running_demo(tmp_path_factory.mktemp("consent")) as running:
        yield running


@pytest.fixture
def statement() -> Statement:
    def make(demo: RunningDemo, patient: str, category: str, **changes: Any) -> dict[str, Any]:
        resource = {
            "resourceType": "Consent",
            "status": "active",
            "scope": SCOPE,
            "category": [{"coding": [{"system": "urn:dmp-facade:consent-category", "code": category}]}],
            "patient": {"identifier": demo.patients[patient]},
        }
        return resource | changes

    return make
