"""Tries each mutant in a copy of the source: the tests that fail soonest first, until one fails."""

from __future__ import annotations

import ast
import gc
import importlib
import os
import resource
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkerOutcome, WorkItem, WorkResult

_COPIED = ("facade", "mappings", "tests/policy", "tests/support", "pyproject.toml")
# Imported once, before a mutant exists; the policy itself and its tests are imported anew for each.
_BEFOREHAND = ("pytest", "facade.domain.access", "facade.domain.document", "facade.knowledge")
# Nothing that a slow machine could fail, nothing that only costs time.
_TIMED = "tests/policy/test_policy_access.py::test_two_thousand_documents_are_judged_in_a_blink"
_OPTIONS = (
    *("-x", "-q", "-p", "no:cacheprovider", "-p", "no:unraisableexception", "-o", "timeout=0"),
    f"--deselect={_TIMED}",
)
# Without the enumeration and the drawn examples, which take minutes: what only they would notice counts as survived.
_TESTS = ("corpus", "access", "tables", "describe")
_FIRST = {"days": "access", "origin": "access", "traces": "access", "access": "access"}
_FIRST |= {"rows": "tables", "tables": "tables", "vocabulary": "tables"}
_PRINTS = "describe"
_CPU_SECONDS = 120


class BaselineFailed(Exception):
    """The tests fail without any mutant."""


def prepared(root: Path, work: Path, workers: int) -> list[Path]:
    """One fresh copy of the source for each worker."""
    copies = [work / f"copy-{number}" for number in range(max(1, workers))]
    for copy in copies:
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir(parents=True)
        for name in _COPIED:
            _copied(root / name, copy / name)
    return copies


def _copied(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, target)


def judged(mutants: WorkDB, copies: Sequence[Path]) -> None:
    """Judge every mutant that has no result yet, and keep each result as soon as it is known.

    Raises BrokenProcessPool when the tests fail in a copy without any mutant.
    """
    pending = sorted(mutants.pending_work_items, key=_place)
    spawn = get_context("spawn")
    places = spawn.SimpleQueue()
    for copy in copies:
        places.put(copy)
    with ProcessPoolExecutor(len(copies), spawn, _settle, (places,)) as pool:
        for number, (job, result) in enumerate(pool.map(_judge, pending), start=1):
            mutants.set_result(job, result)
            if number % 25 == 0 or number == len(pending):
                print(f"{number} of {len(pending)} mutants tried", file=sys.stderr)


def _place(item: WorkItem) -> tuple[str, tuple[int, int], str]:
    mutation = item.mutations[0]
    return str(mutation.module_path), mutation.start_pos, mutation.operator_name


def _settle(places: SimpleQueue[Path]) -> None:
    copy = places.get()
    os.chdir(copy)
    sys.path.insert(0, str(copy))
    for name in _BEFOREHAND:
        importlib.import_module(name)
    sys.dont_write_bytecode = False
    if any(_tested(tests) is not TestOutcome.SURVIVED for tests in _stages("")):
        raise BaselineFailed(copy)
    sys.dont_write_bytecode = True
    gc.freeze()


def _judge(item: WorkItem) -> tuple[str, WorkResult]:
    mutation: MutationSpec = item.mutations[0]
    operator = get_operator(mutation.operator_name)(**mutation.operator_args)
    with use_mutation(mutation.module_path, operator, mutation.occurrence) as (before, after):
        if not _parses(after):
            return item.job_id, WorkResult(WorkerOutcome.SKIPPED)
        outcomes = (_tested(tests) for tests in _stages(mutation.module_path.stem))
        outcome = next((found for found in outcomes if found is not TestOutcome.SURVIVED), TestOutcome.SURVIVED)
    return item.job_id, WorkResult(WorkerOutcome.NORMAL, None, outcome, _changed(before, after))


def _parses(code: str | None) -> bool:
    """Whether this is Python at all: what the interpreter refuses needs no test, and counts as no mutant."""
    try:
        ast.parse(code or "(")
    except SyntaxError:
        return False
    return True


def _stages(module: str) -> Iterator[list[str]]:
    """The test files, in the order in which one fails soonest. The other tests know nothing of what only prints."""
    first = [_PRINTS] if module == _PRINTS else list(dict.fromkeys((_FIRST.get(module, "corpus"), "corpus")))
    yield [_file(name) for name in first]
    yield [_file(name) for name in (["tables"] if module == _PRINTS else _TESTS) if name not in first]


def _file(name: str) -> str:
    return f"tests/policy/test_policy_{name}.py"


def _tested(files: Sequence[str]) -> TestOutcome:
    """Run these tests in a child process. INCOMPETENT: it was stopped for want of an end."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
        said = os.open("tests.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        code = 3
        try:
            code = int(sys.modules["pytest"].main([*_OPTIONS, *files]))
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return TestOutcome.INCOMPETENT
    return TestOutcome.SURVIVED if os.WEXITSTATUS(status) == 0 else TestOutcome.KILLED


def _changed(before: str, after: str) -> str:
    """The lines that differ, as they stood and as they became."""
    lines, mutated = before.splitlines(), after.splitlines()
    while lines and mutated and lines[0] == mutated[0]:
        lines, mutated = lines[1:], mutated[1:]
    while lines and mutated and lines[-1] == mutated[-1]:
        lines, mutated = lines[:-1], mutated[:-1]
    return "\n".join(" ".join(line.strip() for line in side) for side in (lines, mutated))
