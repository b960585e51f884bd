"""Tries each mutant in a copy of the source: the tests that fail soonest first, until one fails."""

from __future__ import annotations

import ast
import gc
import importlib
import os
import resource
import shutil
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkerOutcome, WorkItem, WorkResult

# The tests of the policy: the copies take new ones without being told.
TESTS = ("tests/policy", "tests/supervision/test_supervision_days.py", "tests/support")
_COPIED = ("facade", "mappings", *TESTS, "pyproject.toml")
# Imported once, before a mutant exists; the policy itself and its tests are imported anew for each.
_BEFOREHAND = ("pytest", "facade.knowledge", "facade.records.traces", "facade.translation.tables")
_MUTATED = "facade.policy"
# Nothing that a slow machine could fail, nothing that only costs time.
_TIMED = "tests/policy/test_policy_access.py::test_two_thousand_documents_are_judged_in_a_blink"
# No drawn examples: a mutant is noticed by every run or by none. Of pytest's plugins those the settings or tests name.
_OPTIONS = (
    *("-x", "-q", "-p", "no:cacheprovider", "-p", "no:unraisableexception"),
    *("-p", "pytest_timeout", "-o", "timeout=0", "-p", "_hypothesis_pytestplugin", "-m", "not hypothesis"),
    f"--deselect={_TIMED}",
)
# The enumeration takes minutes: what only it would notice counts as survived.
_LEFT_OUT = "enumeration"
_FIRST = {"days": "access", "origin": "access", "traces": "access", "access": "access"}
_FIRST |= {"rows": "tables", "tables": "tables", "vocabulary": "tables"}
# What decides about no access: its own tests know it, and those that hold for every module. The others never call it.
_APART = {"describe": "describe", "obligations": "obligations", "supervision": "test_supervision_days"}
_OF_EVERY_MODULE = "tables"
_CPU_SECONDS = 120
_NOT_RUN = 3
# What pytest exits with: tests failed (1), could not be collected (2), nor their conftest be imported (4). Of anything
# else the mutant may be innocent.
_OUTCOMES = {0: TestOutcome.SURVIVED, **dict.fromkeys((1, 2, 4), TestOutcome.KILLED)}


class BaselineFailed(Exception):
    """The tests fail without any mutant, or would not see one."""


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
    if not pending:
        return
    with _settled(copies) as pool:
        for number, (job, result) in enumerate(pool.map(_judge, pending), start=1):
            mutants.set_result(job, result)
            if number % 25 == 0 or number == len(pending):
                print(f"{number} of {len(pending)} mutants tried", file=sys.stderr)
    # What failed for another reason in the meantime, a full disk say, was no fault noticed.
    with _settled(copies[:1]) as pool:
        pool.submit(_settled_where).result()


def _settled(copies: Sequence[Path]) -> ProcessPoolExecutor:
    spawn = get_context("spawn")
    places = spawn.SimpleQueue()
    for copy in copies:
        places.put(copy)
    return ProcessPoolExecutor(len(copies), spawn, _settle, (places,))


def _settled_where() -> Path:
    return Path.cwd()


def _place(item: WorkItem) -> tuple[str, tuple[int, int], str]:
    mutation = item.mutations[0]
    return str(mutation.module_path), mutation.start_pos, mutation.operator_name


def _settle(places: SimpleQueue[Path]) -> None:
    copy = places.get()
    os.chdir(copy)
    sys.path.insert(0, str(copy))
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in _BEFOREHAND:
        importlib.import_module(name)
    if any(name.startswith(_MUTATED) for name in sys.modules):
        raise BaselineFailed(f"{_MUTATED} is imported before it is mutated")
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
    """The test files, in the order in which one fails soonest; without a module all of them."""
    tests = _tests()
    apart = _APART.get(module)
    first = dict.fromkeys([apart] if apart else [_FIRST.get(module, "corpus"), "corpus"])
    then = [_OF_EVERY_MODULE] if apart else [name for name in tests if name not in first]
    yield [tests[name] for name in first]
    yield [tests[name] for name in then]


def _tests() -> dict[str, str]:
    """The test files by what they test."""
    files = sorted(path for name in TESTS for path in [Path(name), *Path(name).glob("*.py")])
    found = {path.stem.removeprefix("test_policy_"): str(path) for path in files if path.name.startswith("test_")}
    return {name: path for name, path in found.items() if name != _LEFT_OUT}


def _tested(files: Sequence[str]) -> TestOutcome | None:
    """Run these tests in a child process. INCOMPETENT: it was stopped for want of an end; None: by something else."""
    child = os.fork()
    if child == 0:
        # At the second limit it would be killed as anything may be killed, at the first it is said why.
        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS + 10))
        said = os.open("tests.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        code = _NOT_RUN
        try:
            code = int(sys.modules["pytest"].main([*_OPTIONS, *files]))
        finally:
            if sys.exception() is not None:
                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return TestOutcome.INCOMPETENT if os.WTERMSIG(status) == signal.SIGXCPU else None
    return _OUTCOMES.get(os.WEXITSTATUS(status))


def _changed(before: str, after: str) -> str:
    """The lines that differ, as they stood and as they became."""
    lines, mutated = before.splitlines(), after.splitlines()
    while lines and mutated and lines[0] == mutated[0]:
        lines, mutated = lines[1:], mutated[1:]
    while lines and mutated and lines[-1] == mutated[-1]:
        lines, mutated = lines[:-1], mutated[:-1]
    return "\n".join(" ".join(" ".join(side).split()) for side in (lines, mutated))
