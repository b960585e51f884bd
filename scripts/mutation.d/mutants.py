"""Which mutants there are, and the session that remembers what became of each."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from cosmic_ray.commands import init
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec, WorkerOutcome, WorkResult
from judge import TESTS

Span = tuple[tuple[int, int], tuple[int, int]]
_HERE = "scripts/mutation.d"
_WATCHED = (
    *("facade", "mappings", *TESTS),
    *("pyproject.toml", "requirements-dev.lock", f"{_HERE}/judge.py", f"{_HERE}/mutants.py"),
)
_SUFFIXES = (".py", ".csv", ".json", ".toml", ".lock")
# `is` compares with None or with the member of an enumeration: members have no order, and are equal when identical.
# To turn a comparison of values into one of identities is answered by the interpreter (SyntaxWarning), by no test.
_MEANINGLESS = re.compile(
    r"core/ReplaceComparisonOperator_(Is_(?!IsNot$)|IsNot_(?!Is$)|(Eq|NotEq|Lt|LtE|Gt|GtE)_(Is|IsNot)$)"
)


@contextmanager
def session(root: Path, work: Path, modules: Sequence[Path]) -> Iterator[WorkDB]:
    """The mutants of these modules: as an earlier run left them when nothing has changed since, else all unjudged."""
    about = _fingerprint(root, modules)
    stamp = work / "made-from"
    known = stamp.read_text() == about if stamp.exists() else False
    with use_db(work / "session.sqlite") as mutants:
        if not known:
            stamp.unlink(missing_ok=True)
            init(modules, mutants, {})
            _leave_out(mutants, modules)
            stamp.write_text(about)
        yield mutants


def _fingerprint(root: Path, modules: Sequence[Path]) -> str:
    digest = hashlib.sha256(f"{version('cosmic-ray')} {sorted(map(str, modules))}".encode())
    for name in _WATCHED:
        here = root / name
        for path in sorted(here.rglob("*") if here.is_dir() else [here]):
            if path.is_file() and path.suffix in _SUFFIXES:
                digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()


def _leave_out(mutants: WorkDB, modules: Sequence[Path]) -> None:
    """What changes nothing that runs is no mutant: a type annotation, an operator that means nothing here."""
    annotations = {module: list(_annotations(module)) for module in modules}
    idle = [
        item.job_id
        for item in mutants.work_items
        for mutation in item.mutations
        if _MEANINGLESS.match(mutation.operator_name) or _within(mutation, annotations[mutation.module_path])
    ]
    mutants.set_multiple_results(idle, WorkResult(WorkerOutcome.SKIPPED))


def _within(mutation: MutationSpec, spans: Sequence[Span]) -> bool:
    return any(start <= mutation.start_pos and mutation.end_pos <= end for start, end in spans)


def _annotations(module: Path) -> Iterator[Span]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        for name in ("annotation", "returns"):
            found = getattr(node, name, None)
            if isinstance(found, ast.expr):
                yield (found.lineno, found.col_offset), (found.end_lineno or 0, found.end_col_offset or 0)
