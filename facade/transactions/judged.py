"""What was judged in the course of one act: each judgement leaves a trace of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from facade.domain.access import Act, Decision
from facade.domain.document import DocumentEntry


@dataclass(frozen=True, slots=True)
class Judged:
    """One judgement, on the record or on one document of it. ``transaction`` is the DMP's name of what it is about.

    ``ended`` is its outcome and code where they are not those of the whole act.
    """

    act: Act
    decision: Decision
    document: DocumentEntry | None
    transaction: str
    ended: tuple[str, str] | None = None

    @property
    def logical_id(self) -> str:
        """That of its document, empty for the record."""
        return self.document.logical_id if self.document else ""

    @property
    def unique_id(self) -> str:
        """That of its document, empty for the record."""
        return self.document.unique_id if self.document else ""


_Key = tuple[Act, str, str]


class Judgements:
    """The judgements of one act, in the order they came: the last one on each act and document."""

    def __init__(self) -> None:
        self._found: dict[_Key, Judged] = {}

    def __iter__(self) -> Iterator[Judged]:
        return iter(self._found.values())

    def __len__(self) -> int:
        return len(self._found)

    def note(self, judged: Judged) -> None:
        """Keep a judgement; one on a document stands for the one on its record before it."""
        if judged.document is not None:
            self._found.pop((judged.act, "", ""), None)
        # By both: a DMP may give two documents one logical id.
        self._found[judged.act, judged.logical_id, judged.unique_id] = judged

    def clear(self) -> None:
        """Forget them: the act is another one."""
        self._found.clear()

    def known_as(self, documents: Iterable[DocumentEntry]) -> None:
        """The DMP has these documents, which were judged before they were sent, under other logical ids."""
        now = {document.unique_id: document for document in documents}
        judged, self._found = list(self), {}
        for one in judged:
            known = now.get(one.document.unique_id) if one.document else None
            self.note(replace(one, document=known or one.document))
