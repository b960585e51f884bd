"""A DMP is pointed at by settings alone: what its speaker leaves open is a setting, documented, with its default."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from facade.dmp.config import DmpConfig, VihfOptions
from facade.domain.caller import Structure
from facade.settings import Settings
from facade.wiring import dmp_config

OWN = Structure("1990000001", "FACADE", "SA07")
NEEDED = {"base_url": "https://dmp.test/services", "ca": "ca", "auth_certificate": "auth", "sign_certificate": "sign"}
VIHF: dict[str, Any] = {
    "version": "4.0",
    "mode_attribute": "Authentification_Mode",
    "purpose_oid": "1.2.250.1.213.1.1.4.336",
    "purpose_name": "another",
    "resource_urn": "urn:other",
    "context_class": "urn:oasis:names:tc:SAML:2.0:ac:classes:TLSClient",
    "context_class_other": "urn:oasis:names:tc:SAML:2.0:ac:classes:Password",
    "context_declaration": "APP_BROWSER_AUTH",
    "conditions_seconds": 300,
    "hash": "sha1",
    "reuse_seconds": 7,
}
OTHER: dict[str, Any] = {
    "base_url": "https://lps.test/si-dmp-server/v2/services",
    "services": {"registry": "https://registry.test/v3"},
    "ca": "other-ca",
    "auth_certificate": "other-auth",
    "sign_certificate": "other-sign",
    "tls_suites": "ECDHE-RSA-AES256-GCM-SHA384",
    "connect_timeout": 9,
    "connect_timeouts": {"TD2.1": 11},
    "read_timeout": 13,
    "read_timeouts": {"TD3.1": 17},
    "answer_seconds": 19,
    "max_answer_bytes": 23,
    "pool_size": 29,
    "read_attempts": 5,
    "circuit_failures": 31,
    "circuit_seconds": 37,
    "repository_oid": "1.2.3",
    "receiver_oid": "1.2.4",
    "home_community_oid": "1.2.5",
    "processing_code": "T",
    "lot_hash": "sha1",
    "entry_uuids": "dmp",
    "actions": {"TD0.3": "urn:hl7-org:v3:setAuthorization"},
    "lps_name": "other",
    "vihf": VIHF,
}
# How much is remembered and how long a read is tried: of this process, not of the DMP.
OWN_AFFAIRS = {"reuse_entries", "max_parts", "retry_seconds"}


def config(own: Structure = OWN, oid_root: str = "1.2.250.1.999.1", **dmp: object) -> DmpConfig:
    settings = Settings(oid_root=oid_root, dmp=NEEDED | dmp)
    return dmp_config(settings, own)


def differing(first: object, second: object) -> set[str]:
    assert is_dataclass(first)
    return {each.name for each in fields(first) if getattr(first, each.name) != getattr(second, each.name)}


def test_every_choice_of_the_speaker_is_a_setting() -> None:
    changed = config(Structure("1", "OTHER", "SA01"), "1.2.250.1.999.9", **OTHER)
    assert differing(config(), changed) | OWN_AFFAIRS >= {each.name for each in fields(DmpConfig)}
    assert differing(VihfOptions(), changed.vihf) | OWN_AFFAIRS >= {each.name for each in fields(VihfOptions)}


def test_the_defaults_of_the_settings_are_those_of_the_speaker() -> None:
    given = ("base_url", "auth", "sign", "ca", "structure", "editor", "oid_root")
    plain = DmpConfig(**{name: getattr(config(), name) for name in given})
    assert differing(plain, config()) == set()


def _undocumented(model: type[BaseModel]) -> list[str]:
    said_by_their_names = {"name", "editor", "kind", "audience", "host", "port", "log_level", "public_url", "workers"}
    found = [
        f"{model.__name__}.{name}"
        for name, field in model.model_fields.items()
        if not field.description and name not in said_by_their_names
    ]
    inner = [
        each
        for field in model.model_fields.values()
        for each in (field.annotation, *getattr(field.annotation, "__args__", ()))
        if isinstance(each, type) and issubclass(each, BaseModel)
    ]
    return [*found, *(name for each in inner for name in _undocumented(each))]


def test_every_setting_is_documented() -> None:
    assert _undocumented(Settings) == []


def test_a_service_may_have_an_address_of_its_own() -> None:
    found = config(services={"registry": "https://registry.test/v3", "patients": "/other/patients"})
    urls = {name: found.url(name) for name in ("registry", "patients", "repository")}
    assert urls == {
        "registry": "https://registry.test/v3",
        "patients": "https://dmp.test/services/other/patients",
        "repository": "https://dmp.test/services/repository",
    }


@pytest.mark.parametrize("services", [{"registery": "x"}, {"registry": "http://registry.test"}])
def test_an_address_that_is_wrong_is_said_at_start(services: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"services the DMP does not have|https only"):
        config(services=services)


def test_a_settings_file_says_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "facade.toml"
    file.write_text('oid_root = "1.2"\n[dmp]\nrepository_oid = "1.2.3"\n[dmp.connect_timeouts]\n"TD2.1" = 8\n')
    monkeypatch.setenv("DMP_FACADE_CONFIG", str(file))
    monkeypatch.setenv("DMP_FACADE_DMP__RECEIVER_OID", "1.2.4")
    found = Settings()
    assert (found.dmp.repository_oid, found.dmp.receiver_oid) == ("1.2.3", "1.2.4")
    assert found.dmp.connect_timeouts == {"TD2.1": 8}


def test_a_publication_is_never_given_up_while_the_dmp_may_still_store_it() -> None:
    dmp = {"connect_timeout": 3, "read_timeouts": {"TD2.1": 60}, "answer_seconds": 120}
    with pytest.raises(ValueError, match="publication_pending_seconds is more than the DMP is waited for: 183"):
        Settings(publication_pending_seconds=183, dmp=dmp)
    assert Settings(publication_pending_seconds=184, dmp=dmp).publication_pending_seconds == 184


@pytest.mark.parametrize(
    ("changes", "longest"),
    [
        ({}, 183 + 2 * 143 + 40),
        ({"publication_pending_seconds": 3600}, 3600),
        ({"dmp": {"read_timeouts": {"TD3.3": 900}}}, 1023 + 2 * 143 + 40),
        ({"dmp": {"connect_timeouts": {"TD0.2": 103}, "read_timeouts": {"TD2.1": 60}}}, 183 + 2 * 243 + 40),
        ({"database_wait_seconds": 1000}, 183 + 2 * 143 + 1030),
    ],
)
def test_no_change_is_taken_for_that_of_a_dead_process_while_it_may_go_on(changes: Any, longest: float) -> None:
    """An exchange, two questions about what became of it (TD0.2, TD3.1), the trace: twice that."""
    assert Settings(**changes).intent_seconds == 2 * longest
