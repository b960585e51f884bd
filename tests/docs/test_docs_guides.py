"""The guides agree: French commands are the English ones, settings are those of the code, links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.guides import ROOT, blocks

PAIRS = [("README.md", "README.fr.md"), ("docs/integrate.md", "docs/fr/integrate.md")]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.mark.parametrize(("english", "french"), PAIRS)
def test_the_french_guide_has_the_same_blocks_in_the_same_order(english: str, french: str) -> None:
    first, second = ([(each.info, each.text) for each in blocks(ROOT / name)] for name in (english, french))
    assert len(first) > 1
    assert second == first


@pytest.mark.parametrize(("english", "french"), PAIRS)
def test_the_french_guide_has_the_same_chapters_and_tables(english: str, french: str) -> None:
    first, second = (_outline(ROOT / name) for name in (english, french))
    assert second == first


def _outline(page: Path) -> list[str]:
    """The level of each heading, and the first cell of each table row where it is code."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [
        re.sub(r"[^#].*", "", line) if line.startswith("#") else line.split("|")[1].strip()
        for line in prose.splitlines()
        if line.startswith("#") or re.match(r"\| [`\d]", line)
    ]


def test_the_settings_table_is_current() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "settings.d" / "table.py"), "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    found = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    broken = [link for link in found if not _leads(page, link)]
    assert broken == []


def _leads(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not anchor or anchor in _anchors(target))


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
