"""Clients at work while something is done to the parts they need."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from acts import Book, Client
from world import World

_PATIENTS = ("adult", "minor", "objector")


class Load:
    """``requests`` acts of several clients, each begun as soon as one is free; ended once ``hopeless`` were given up.

    ``first`` is the number of the first client: a client's documents, consents and keys bear its number.
    """

    def __init__(
        self,
        world: World,
        *,
        requests: int,
        seed: int,
        bases: Sequence[str] = (),
        clients: int = 6,
        patience: float = 60.0,
        persona: str = "author-doctor",
        hopeless: int = 5,
        first: int = 0,
    ) -> None:
        token = world.issuer_keys.mint(persona)
        self._left = self._all = requests
        self._hopeless = hopeless
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        where = list(bases) or [world.base]
        self.clients = [
            Client(number, seed, where, token, world.ins(_PATIENTS[number % len(_PATIENTS)]), patience)
            for number in range(first, first + clients)
        ]

    @property
    def books(self) -> list[Book]:
        """What each client was told."""
        return [client.book for client in self.clients]

    def run(self, *incidents: tuple[float, Callable[[], None]]) -> None:
        """Do all acts; each incident happens once, when this part (0 to 1) of the acts has begun."""
        threads = [threading.Thread(target=self._work, args=(client,), daemon=True) for client in self.clients]
        for thread in threads:
            thread.start()
        for part, incident in sorted(incidents, key=lambda each: each[0]):
            while self._begun < part * self._all and any(thread.is_alive() for thread in threads):
                threads[0].join(0.02)
            incident()
        for thread in threads:
            thread.join()
        if self._failure is not None:
            raise self._failure

    @property
    def _begun(self) -> int:
        return self._all - self._left

    def _work(self, client: Client) -> None:
        while self._takes_one():
            try:
                client.act()
            except BaseException as error:  # noqa: BLE001 - raised again where everybody is waited for
                self._failure = error
                return

    def _takes_one(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left >= 0 and sum(len(book.given_up) for book in self.books) < self._hopeless
