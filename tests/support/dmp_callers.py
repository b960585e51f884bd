"""Callers, sessions and a configuration for the tests of the DMP room."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from facade.dmp.config import DmpConfig, Editor, KeyFiles
from facade.domain.access import Purpose
from facade.domain.caller import Caller, CallerKind, Structure
from facade.domain.dmp import ChangeSession
from facade.domain.ins import INS
from tests.support.dmp_server import Issued

HOSPITAL = Structure("1750712184", "HOPITAL TEST", "SA01")
PATIENT = INS.of("1.2.250.1.213.1.4.10", "279035121518989")


def make_config(base_url: str, ca: Path, auth: Issued, sign: Issued) -> DmpConfig:
    return DmpConfig(
        base_url=base_url,
        auth=KeyFiles(auth.certificate_file, auth.key_file),
        sign=KeyFiles(sign.certificate_file, sign.key_file),
        ca=ca,
        structure=Structure("1990000001", "FACADE", "SA07"),
        editor=Editor("dmp-facade", "1.0", "LPS1", "SECRET-HOMOLOGATION"),
        oid_root="1.2.250.1.999.1",
        read_timeout=2.0,
        read_timeouts={},
        retry_seconds=3.0,
    )


def caller(kind: CallerKind = CallerKind.PROFESSIONAL, **changes: object) -> Caller:
    base = Caller(
        kind,
        "899700000015",
        "MARTIN ALICE",
        HOSPITAL,
        family="MARTIN",
        given="ALICE",
        profession="10",
        specialty="SM26",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def session(
    kind: CallerKind = CallerKind.PROFESSIONAL, purpose: Purpose = Purpose.NORMAL, **changes: object
) -> ChangeSession:
    return ChangeSession(caller(kind, **changes), PATIENT, purpose, intent="an-intent")
