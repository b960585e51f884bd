"""Who asks, why, and under which correlation id: what an HTTP request says besides its resource."""

from __future__ import annotations

from dataclasses import dataclass, field

from facade.domain.access import Purpose
from facade.domain.caller import Caller


@dataclass(frozen=True, slots=True)
class Actor:
    """A verified caller and the circumstances it declares.

    ``reason`` is the free text of an emergency, empty otherwise; kept in the trace only. ``secret`` is a connexion
    secrète. ``on_behalf_of_holder`` states that a masking is asked for by the holder (référentiel 4.3).
    """

    caller: Caller
    purpose: Purpose
    correlation_id: str
    reason: str = field(default="", repr=False)
    secret: bool = False
    on_behalf_of_holder: bool = False
