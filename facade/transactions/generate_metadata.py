"""ITI-106: the metadata a CDA gives of itself. Nothing is stored, no record is opened, the DMP is not asked.

The CDA is the caller's own: what is answered was in the request, so there is nothing to judge but the caller. The
trace names no patient: nobody's record was accessed, whatever INS the CDA carries. Source: ITI TF-2 3.106.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode

from facade.domain.access import Decision, Effect
from facade.domain.content import Buffer
from facade.domain.errors import FacadeError, Refused
from facade.observability.acts import measured
from facade.transactions.actor import Actor
from facade.transactions.services import Services
from facade.transactions.tracing import trace_local
from facade.translation import cda_read
from facade.translation.cda_metadata import document_from_cda
from facade.translation.tables import Json

ACT = "generate-metadata"
_OWN = Decision(Effect.PERMIT, "generate-metadata.own-content", "ITI TF-2 3.106")


@measured("generate-metadata")
def generate_metadata(services: Services, actor: Actor, content: Buffer) -> Json:
    """The DocumentReference of a CDA, its hash and size computed.

    Raises InvalidInput (not a CDA), Refused for a caller whose identity does not satisfy the conditions of access.
    """
    if actor.caller.refusal is not None:
        refusal = services.access.decision(actor.caller.refusal)
        trace_local(services, actor, ACT, refusal)
        raise Refused(refusal)
    try:
        found = document_from_cda(cda_read.read_header(content), services.codes)
    except FacadeError as error:
        trace_local(services, actor, ACT, _OWN, error.problems[0].code)
        raise
    trace_local(services, actor, ACT, _OWN)
    digest = hashlib.sha1(content, usedforsecurity=False).digest()
    found["content"][0]["attachment"] |= {"size": len(content), "hash": b64encode(digest).decode()}
    return found
