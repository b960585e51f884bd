"""The file of self-homologation as a document: what chapter 6.5 of the référentiel asks for, and Annexe 1.

Its words are rows of mappings/homologation; what was found in this installation is given by ``Findings``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from facade import __version__
from facade.examination import Examination
from facade.homologation.document import Block, Bullets, Cell, Document, Section, Table
from facade.homologation.extraction import Check, TraceTest
from facade.homologation.inventory import SECRET_SET, InForce, settings_in_force
from facade.homologation.structures import finess, rows_of_structures
from facade.settings import Settings

Row = Mapping[str, str]
Rows = Callable[[str], Iterable[Row]]
_FOCUS = ("two-factor", "access-control", "preloading", "traceability", "awareness")
_YEARS = 3


@dataclass(frozen=True, slots=True)
class Findings:
    """What this installation is: its settings, what was found usable, and the test of the extraction of its traces.

    ``extraction`` is the cause in words where that test could not be run. ``today`` is the day in French legal time.
    """

    settings: Settings
    examination: Examination
    extraction: TraceTest | str
    now: datetime
    today: date


def review(rows: Rows, findings: Findings, language: str) -> Document:
    """The document, in ``fr`` or ``en``."""
    return _Review(rows, findings, language).document()


class _Review:
    def __init__(self, rows: Rows, findings: Findings, language: str) -> None:
        self._rows = rows
        self._found = findings
        self._language = language
        self._words = {row["key"]: row[language] for row in rows("homologation/texts.csv")}
        self._requirements = list(rows("homologation/requirements.csv"))
        self._in_force = {each.name: each for each in settings_in_force(findings.settings)}

    def document(self) -> Document:
        sections = (
            self._section("identity", self._words["intro"], self._identity()),
            self._section("structures", self._words["structures-note"], self._structures()),
            self._section("systems", self._words["systems-note"], self._systems()),
            self._section("review", self._words["review-note"], self._review()),
            self._section("focus", self._words["focus-note"], self._focus()),
            self._section("risks", self._words["risks-note"], self._risks()),
            self._section("breach", self._words["breach-note"], self._breach()),
            self._section("state-of", self._words["state-note"], *self._state()),
            self._section("settings", self._words["settings-note"], self._settings()),
            self._section("traces", self._words["traces-note"], *self._traces()),
            self._section("record", *self._record()),
        )
        words = self._words
        return Document(self._language, words["title"], words["contents"], words["skip"], sections)

    def _section(self, name: str, *blocks: Block) -> Section:
        return Section(name, self._words[name], blocks)

    def _table(self, name: str, header: tuple[str, ...], rows: Iterable[tuple[Cell, ...]]) -> Table:
        title = self._words[name].partition(". ")[2] or self._words[name]
        return Table(title, tuple(self._words[key] for key in header), tuple(rows))

    def _told(self, row: Row, name: str) -> str:
        return row[f"{name}_{self._language}"]

    def _identity(self) -> Table:
        words, settings = self._words, self._found.settings
        own = next((each for each in settings.structures if each.id == settings.own_structure), None)
        holder = f"{own.name} ({finess(own.id) or own.id})" if own else words["fill"]
        moment = f"{self._found.now:%Y-%m-%d %H:%M} UTC"
        rows = (
            (words["made-on"], moment),
            (words["software"], f"dmp-facade {__version__}"),
            (words["referential"], words["referential-value"]),
            (words["holder"], holder),
            (words["address"], settings.public_url),
        )
        return self._table("identity", ("setting", "value"), rows)

    def _structures(self) -> Table:
        header = ("name", "structure-id", "finess", "sector", "from", "until", "state")
        found = rows_of_structures(self._found.settings.structures, self._found.today, self._words)
        return self._table("structures", header, found or ((self._words["fill"],) * len(header),))

    def _systems(self) -> Table:
        words, settings = self._words, self._found.settings
        dmp = self._in_force["dmp.base_url"].value or words["fill"]
        rows = [(words["system-facade"].format(version=__version__, dmp=dmp), words["access-all"])]
        for number, issuer in enumerate(settings.issuers):
            address = self._in_force[f"issuers[{number}].issuer"].value
            told = words["system-issuer"].format(issuer=address, kind=issuer.kind)
            rows.append((told, words[f"access-{issuer.kind}"]))
        for application in settings.applications:
            told = words["system-application"].format(name=application.name, editor=application.editor)
            rows.append((told, words["access-citizen"]))
        rows.append((words["system-fill"], words["fill"]))
        return self._table("systems", ("system", "access"), rows)

    def _review(self) -> Table:
        header = ("requirement", "who", "how", "duty", "proof", "in-force", "observed")
        return self._table("review", header, (self._reviewed(row) for row in self._requirements))

    def _reviewed(self, row: Row) -> tuple[Cell, ...]:
        words = self._words
        tests = tuple(row["tests"].split()) or (words["no-proof"],)
        settings = tuple(line for name in row["settings"].split() for line in self._named(name))
        title = f"{row['id']} ({row['section']}) — {self._told(row, 'title')}"
        how, duty = self._told(row, "how") or words["empty"], self._told(row, "duty") or words["empty"]
        asks = self._told(row, "asks")
        return ((title, asks), words[f"who-{row['who']}"], how, duty, tests, settings or words["empty"], words["fill"])

    def _named(self, name: str) -> Iterable[str]:
        """A setting by its name; one that holds several by how many there are."""
        if name in self._in_force:
            yield f"{name} = {self._value(self._in_force[name])}"
            return
        parts = {each.partition(".")[0] for each in self._in_force if each.startswith(f"{name}[")}
        yield f"{name}: {len(parts)}"

    def _value(self, setting: InForce) -> str:
        if setting.secret:
            return self._words["set" if setting.secret == SECRET_SET else "unset"]
        words = {"true": self._words["yes"], "false": self._words["no"], "": self._words["unset"]}
        return words.get(setting.value, setting.value)

    def _focus(self) -> Table:
        rows = []
        for focus in _FOCUS:
            about = [row for row in self._requirements if row["focus"] == focus]
            told = tuple(f"{row['id']}: {self._told(row, 'how')}" for row in about if self._told(row, "how"))
            duties = tuple(f"{row['id']}: {self._told(row, 'duty')}" for row in about)
            rows.append((self._words[f"focus-{focus}"], told, duties, self._words["fill"]))
        return self._table("focus", ("requirement", "how", "duty", "observed"), rows)

    def _risks(self) -> Table:
        fill = self._words["fill"]
        rows = [
            (
                self._told(row, "risk"),
                fill,
                fill,
                self._told(row, "measure"),
                row["requirements"].replace(" EXI", ", EXI"),
            )
            for row in self._rows("homologation/risks.csv")
        ]
        rows.append((fill,) * 5)
        return self._table("risks", ("risk", "probability", "criticality", "measure", "requirements"), rows)

    def _breach(self) -> Bullets:
        return Bullets(tuple(self._words[f"breach-{number}"] for number in range(1, 6)))

    def _state(self) -> Iterable[Block]:
        found, words = self._found.examination, self._words
        if not found.problems:
            yield words["state-ready"]
        told = [f"{words['state-problem']} {each}" for each in found.problems]
        told += [f"{words['state-warning']} {each}" for each in found.warnings]
        if told:
            yield Bullets(tuple(told))

    def _settings(self) -> Table:
        words = self._words
        rows = (
            (each.name, self._value(each), words["default" if each.default else "stated"])
            for each in self._in_force.values()
        )
        return self._table("settings", ("setting", "value", "origin"), rows)

    def _traces(self) -> Iterable[Block]:
        words, test = self._words, self._found.extraction
        if isinstance(test, str):
            yield words["traces-unusable"].format(cause=test)
            return
        if not test.checks:
            yield words["traces-none"]
            return
        yield self._table(
            "traces", ("check", "expected", "found", "result"), (self._tried(each) for each in test.checks)
        )
        yield words["try-verdict"].format(
            moment=f"{test.moment:%Y-%m-%d %H:%M} UTC",
            verdict=words["passed" if test.passed else "failed"],
            seq=test.head.seq,
            hash=test.head.hash,
        )
        yield words["try-next"].format(day=_years_after(self._found.today).isoformat())

    def _tried(self, check: Check) -> tuple[Cell, ...]:
        told = self._words[check.name].format(**check.values)
        result = self._words["passed" if check.passed else "failed"]
        return (told, str(check.expected), str(check.found), result)

    def _record(self) -> Iterable[Block]:
        """Annexe 1, line by line."""
        words, settings = self._words, self._found.settings
        structures = settings.structures
        names = ", ".join(each.name for each in structures)
        own = finess(settings.own_structure) or settings.own_structure
        yield words["record-head"].format(names=names, ids=own)
        yield words["record-text"]
        yield words["record-ids"]
        yield Bullets((own or words["fill"],))
        yield words["record-finess"]
        yield Bullets(tuple(f"{finess(each.id) or each.id} — {each.name}" for each in structures) or (words["fill"],))
        for part in ("contact", "rssi", "dpo", "date", "signature", "renew"):
            yield words[f"record-{part}"]


def _years_after(day: date) -> date:
    try:
        return day.replace(year=day.year + _YEARS)
    except ValueError:  # the 29th of February
        return day.replace(year=day.year + _YEARS, day=28)
