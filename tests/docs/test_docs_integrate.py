"""The integrator's guide: every command works as it is typed, prints what the guide says, and no call is left out."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from facade import knowledge
from tests.support.demo import running_demo
from tests.support.guides import ROOT, Typed, commands, says, type_in

GUIDE = ROOT / "docs" / "integrate.md"
COMMANDS = commands(GUIDE)
SECONDS = 110
# A page's style sheet and script: nobody types their addresses.
NOT_TYPED = {("get", "/docs/{name}")}
CODE = re.compile(
    r"`((?:record|opposition|blocked|publication|version|document|token|caller|sending|mail|preload)\.[a-z.-]+)`"
)


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> list[Typed]:
    """Every command, typed in order into one shell beside a demonstration that nobody else uses."""
    folder = tmp_path_factory.mktemp("typed")
    with running_demo(tmp_path_factory.mktemp("guide")) as demo:
        here = {"FHIR": demo.fhir, "DATA": str(demo.data), "TMPDIR": str(folder)}
        return type_in(COMMANDS, folder, os.environ | here, SECONDS)


def test_every_command_ends_well(typed: list[Typed]) -> None:
    assert [(each.command.line, each.printed) for each in typed if each.status] == []
    assert len(typed) == len(COMMANDS)


@pytest.mark.parametrize("number", [n for n, each in enumerate(COMMANDS) if each.answer], ids=lambda n: f"command-{n}")
def test_a_command_prints_what_the_guide_says(typed: list[Typed], number: int) -> None:
    command, printed = COMMANDS[number], typed[number].printed
    assert command.answer is not None
    assert says(command.answer, printed), f"{GUIDE.name}, line {command.line} prints:\n{printed}"


def _called(text: str) -> set[tuple[str, str]]:
    """Method and address of every curl of a block, with the values of variables left as they are written."""
    found = set()
    for call in re.split(r"\bcurl\b", text.replace("\\\n", " "))[1:]:
        line = call.partition("\n")[0]
        address = re.search(r'"\$(FHIR|ROOT)(/[^"?]*)?', line)
        if address is None:
            continue
        given = re.search(r"-X (\w+)", line)
        posted = re.search(r" (-d|--data-\w+) ", line) and not re.search(r"-G ", line)
        root = "/fhir" if address[1] == "FHIR" else ""
        path = root + (address[2] or "").replace("\\$", "$")
        found.add((given[1].lower() if given else "post" if posted else "get", path))
    return found


def test_every_call_of_the_api_is_in_the_guide() -> None:
    text = "\n".join(command.text for command in COMMANDS)
    listed = re.search(r"for path in (.*?); do", text, re.DOTALL)
    assert listed
    called = _called(text) | {("get", f"/{path}") for path in listed[1].replace("\\\n", " ").split()}
    paths = json.loads((ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8"))["paths"]
    missing = {
        (method, path)
        for path, methods in paths.items()
        for method in methods
        if method != "parameters" and not any(_is(method, path, *call) for call in called)
    }
    assert missing == NOT_TYPED


def _is(method: str, template: str, called: str, path: str) -> bool:
    pattern = "/".join("[^/]+" if part.startswith("{") else re.escape(part) for part in template.split("/"))
    return method == called and re.fullmatch(pattern, path) is not None


def test_every_code_the_guide_names_exists() -> None:
    known = {row["code"] for row in knowledge.rows("errors/facade.csv")}
    known |= {row["rule"] for row in knowledge.rows("access/rules.csv")}
    named = set(CODE.findall(GUIDE.read_text(encoding="utf-8")))
    assert len(named) > 10
    assert named <= known


def test_a_command_that_prints_something_else_is_noticed() -> None:
    assert says('HTTP/1.1 200 OK\n…\netag: W/"1"\n…\n', 'HTTP/1.1 200 OK\ndate: now\netag: W/"1"\nvary: Accept\n')
    assert not says("HTTP/1.1 200 OK\n…\n", "HTTP/1.1 404 Not Found\ndate: now\n")
    assert not says('…\netag: W/"2"\n…\n', 'HTTP/1.1 200 OK\netag: W/"1"\n\n')
    assert not says("200\n", "200\n200\n")


def test_a_guide_that_fails_half_way_is_noticed(tmp_path: Path) -> None:
    guide = tmp_path / "guide.md"
    guide.write_text("```sh\necho one\n```\n\n```sh\nfalse\n```\n\n```sh\necho three\n```\n")
    typed = type_in(commands(guide), tmp_path, os.environ, SECONDS)
    assert [(each.printed, each.status) for each in typed] == [("one\n", 0), ("", 1)]
