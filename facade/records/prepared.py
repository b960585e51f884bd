"""The statements every request makes: compiled once, then run on the driver's own cursor.

SQLAlchemy needs 0.3 to 0.5 ms of processor time around a statement that SQLite answers in 0.02; a read makes three, a
quarter of all it cost. The statements, their types and the pool of connections stay SQLAlchemy's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from sqlalchemy import ClauseElement, Select
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

_Processor = Callable[[Any], Any]
Values = Mapping[str, Any]


class Cursor(Protocol):
    """What is used of a cursor of PEP 249."""

    def execute(self, operation: Any, parameters: Any = ..., /) -> Any:
        """Run one statement."""

    def fetchall(self) -> Any:
        """The rows that are left."""


class Prepared:
    """One statement as text of one database product. Its values are named as its bind parameters (or columns) are."""

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        if not isinstance(compiled, SQLCompiler):
            raise TypeError("only a SELECT, INSERT or UPDATE can be prepared")
        self._text = str(compiled)
        self._constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
        self._order = compiled.positiontup
        self._to_driver = _processors(
            ((name, bind.type) for name, bind in compiled.binds.items()),
            lambda kind: kind.dialect_impl(dialect).bind_processor(dialect),
        )
        columns = statement.selected_columns if isinstance(statement, Select) else ()
        self._from_driver = _processors(
            enumerate(column.type for column in columns),
            lambda kind: kind.dialect_impl(dialect).result_processor(dialect, None),
        )

    def execute(self, cursor: Cursor, values: Values) -> None:
        """Run it for its effect."""
        bound = {**self._constants, **values}
        for name, convert in self._to_driver.items():
            bound[name] = convert(bound[name])
        cursor.execute(self._text, bound if self._order is None else [bound[name] for name in self._order])

    def rows(self, cursor: Cursor, values: Values) -> list[tuple[Any, ...]]:
        """Run it and fetch what it selects, each column as SQLAlchemy would give it."""
        self.execute(cursor, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return [self._converted(row) for row in found] if self._from_driver else found

    def _converted(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        values = list(row)
        for position, convert in self._from_driver.items():
            values[position] = convert(values[position])
        return tuple(values)


def _processors(
    kinds: Iterable[tuple[Any, TypeEngine[Any]]], find: Callable[[TypeEngine[Any]], _Processor | None]
) -> dict[Any, _Processor]:
    found = ((key, find(kind)) for key, kind in kinds)
    return {key: processor for key, processor in found if processor is not None}
