"""Supervision (RECO 01): look through new traces, raise alerts, tell them, suspend where the installation wants it.

Looked at is what is traced; it changes nothing of what was answered. Of several processes one at a time looks.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from facade.domain.ins import INS
from facade.observability.logs import log_alert, log_supervision_failed
from facade.observability.metrics import observe_alert
from facade.observability.webhook import Webhook
from facade.policy.supervision import Criterion, Finding, Usage, examine, longest_window
from facade.policy.vocabulary import Rule
from facade.records.alerts import Alert, Reached
from facade.records.staff import Staff
from facade.records.traces import Trace, Traces
from facade.records.usages import Usages, Used
from facade.transactions.services import Services

# Longer than a pass can last: whoever is still at it after that is taken for dead.
_TURN = timedelta(minutes=10)
_OWN_CRITERION = "manual"
_REFUSED = "refused"


class Supervisor:
    """Looks through the traces when it is told to, or again and again until it is stopped."""

    def __init__(
        self,
        services: Services,
        *,
        usages: Usages,
        staff: Staff,
        criteria: tuple[Criterion, ...],
        webhook: Webhook | None,
    ) -> None:
        self._services = services
        self._usages = usages
        self._staff = staff
        self._criteria = criteria
        self._webhook = webhook
        self._me = str(uuid.uuid4())
        self._stopped = threading.Event()

    def run(self, every: float) -> None:
        """Look every so many seconds until ``stop``. Trouble is logged, and the next time it is tried again."""
        while not self._stopped.wait(every):
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - supervision must outlive whatever it meets
                log_supervision_failed(type(error).__name__)

    def stop(self) -> None:
        """End ``run`` soon."""
        self._stopped.set()

    def look(self) -> list[Alert]:
        """Look through what was traced since the last time; the alerts raised. None while another process looks.

        Raises RecordsUnavailable; what was not looked through then is next time.
        """
        if not self._usages.news():
            self._told_elsewhere()
            return []
        services, now = self._services, self._services.clock()
        seen = self._usages.take_turn(self._me, now, _TURN)
        if seen is None:
            return []
        newest = self._usages.newest()
        raised: list[Alert] = []
        for person, structure in self._usages.persons(seen, newest):
            raised += services.alerts.note(self._reached(person, structure, now), now)
        for alert in raised:
            self._told_here(alert, now)
        self._usages.done(self._me, newest)
        self._told_elsewhere()
        return raised

    def _reached(self, person: str, structure: str, now: datetime) -> Iterator[Reached]:
        settings = self._services.settings.supervision
        uses = self._uses(person, structure, now - 2 * longest_window(self._criteria))
        for criterion in self._criteria:
            released = self._services.alerts.released_until(person, structure, criterion.name)
            left = [use for use in uses if released is None or use.time > released]
            for finding in examine((criterion,), left, usual=(settings.usual_from, settings.usual_until)):
                yield _as_reached(finding, criterion, suspends=criterion.name in settings.suspend)

    def _uses(self, person: str, structure: str, since: datetime) -> list[Usage]:
        marks = self._staff.marks(structure)
        reading = {row.act.value for row in self._services.access.acts.values() if row.reads}
        found = self._usages.of_person(person, structure, since)
        return [
            Usage(
                used.time,
                person,
                structure,
                used.patient_value,
                used.document,
                used.act,
                used.act in reading and used.outcome == "success",
                used.outcome == _REFUSED,
                used.purpose,
                used.rule == Rule.TREATING_DOCTOR,
                self._colleague(marks, used),
            )
            for used in found
        ]

    def _colleague(self, marks: frozenset[str], used: Used) -> bool:
        if not marks or not used.patient_value:
            return False
        try:
            return self._staff.among(marks, INS.of(used.patient_oid, used.patient_value))
        except ValueError:
            return False

    def _told_here(self, alert: Alert, now: datetime) -> None:
        log_alert(alert.criterion, alert.severity, alert.id, suspends=alert.suspends)
        observe_alert(alert.criterion)
        if alert.suspends:
            trace_suspension(self._services.traces, alert, "suspend", "dmp-facade", alert.criterion, now)

    def _told_elsewhere(self) -> None:
        if self._webhook is None:
            return
        for alert in self._services.alerts.untold():
            if not self._webhook.tell(_told(alert)):
                return
            self._services.alerts.told(alert.id, self._services.clock())


def suspend(services: Services, person: str, structure: str, *, by: str, why: str) -> Alert | None:
    """Suspend a person's access by hand; None when it is suspended by hand already."""
    now = services.clock()
    wanted = Reached(_OWN_CRITERION, "high", person, structure, now, now, 0, suspends=True)
    if (person, structure) in services.alerts.suspended():
        return None
    raised = services.alerts.note([wanted], now)
    for alert in raised:
        trace_suspension(services.traces, alert, "suspend", by, why, now)
    return raised[0] if raised else None


def release(services: Services, alert_id: str, *, by: str, why: str) -> bool:
    """Close an alert and end the suspension it may be: by whom and why is kept. False when it is not open."""
    now, alert = services.clock(), services.alerts.one(alert_id)
    if alert is None or not services.alerts.release(alert_id, by=by, why=why, now=now):
        return False
    trace_suspension(services.traces, alert, "release", by, why, now)
    return True


def trace_suspension(traces: Traces, alert: Alert, act: str, by: str, why: str, now: datetime) -> None:
    """Note in the journal that access was suspended or given back: to whom, by whom, why."""
    traces.append(
        Trace(
            time=now,
            kind="operator",
            act=f"{act}-access",
            effect="permit",
            rule=f"supervision.{alert.criterion}",
            basis="référentiel DMP, RECO 01",
            outcome="success",
            person_id=alert.person,
            local_id=alert.id,
            structure_id=alert.structure,
            transaction="local",
            reason=f"{by}: {why}",
        )
    )


def _as_reached(finding: Finding, criterion: Criterion, *, suspends: bool) -> Reached:
    return Reached(
        finding.criterion,
        criterion.severity,
        finding.person,
        finding.structure,
        finding.first,
        finding.last,
        finding.count,
        suspends,
    )


def _told(alert: Alert) -> dict[str, str | int | bool]:
    """What leaves the house: neither whom nor whose record; who may know that asks for the Flag of this id."""
    return {
        "id": alert.id,
        "criterion": alert.criterion,
        "severity": alert.severity,
        "structure": alert.structure,
        "count": alert.count,
        "first": alert.first.isoformat(timespec="seconds"),
        "last": alert.last.isoformat(timespec="seconds"),
        "suspends": alert.suspends,
    }
