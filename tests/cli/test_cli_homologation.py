"""``dmp-facade homologation``: every requirement with its proof or its owner, a real test of the traces, no secret."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import html5lib
import pytest

from facade import knowledge
from facade.homologation.inventory import settings_in_force
from facade.settings import Settings
from tests.support.demo import RunningDemo

ROOT = Path(__file__).parents[2]
REQUIREMENTS = knowledge.rows("homologation/requirements.csv")
SECRETS = {"DMP__HOMOLOGATION_ID": "hom-6f1d", "DMP__SIGN_PASSWORD": "sign-77c2", "TLS_PASSWORD": "tls-1b9e"}
NOWHERE = {"DMP_FACADE_DMP__BASE_URL": "https://127.0.0.1:9/services"}
_NAMESPACE = "{http://www.w3.org/1999/xhtml}"


def run(config: Path | None, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "facade.cli", "homologation", *arguments]
    command += ["--config", str(config)] if config else []
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=100, env=os.environ | environment
    )


@pytest.fixture(scope="module")
def config(demo: RunningDemo) -> Path:
    """The settings of a demonstration whose journal holds acts of several people on two records."""
    for persona, patient in (("author-doctor", "adult"), ("nurse", "minor"), ("author-doctor", "minor")):
        demo.publish(persona, patient)
    demo.search("treating-doctor", "adult")
    return demo.data / "facade.toml"


@pytest.fixture(scope="module")
def written(config: Path) -> dict[tuple[str, str], str]:
    """The document by format and language."""
    found = {}
    for form, language in (("md", "fr"), ("html", "fr"), ("html", "en")):
        done = run(
            config,
            "--format",
            form,
            "--lang",
            language,
            **{f"DMP_FACADE_{name}": each for name, each in SECRETS.items()},
        )
        assert (done.returncode, done.stderr) == (0, "")
        found[form, language] = done.stdout
    return found


def test_each_requirement_is_reviewed_once(written: dict[tuple[str, str], str]) -> None:
    wanted = [f"EXI {number:02}" for number in range(1, 30)] + ["RECO 01"]
    assert [row["id"] for row in REQUIREMENTS] == wanted
    reviewed = re.findall(r"^\| ((?:EXI|RECO) \d\d) \([\d.]+\) — ", written["md", "fr"], re.MULTILINE)
    assert reviewed == wanted


def test_each_requirement_has_a_proof_or_an_owner() -> None:
    for row in REQUIREMENTS:
        assert row["who"] in ("facade", "structure", "both"), row["id"]
        assert bool(row["tests"]) == (row["who"] in ("facade", "both")), row["id"]
        assert all(bool(row[f"duty_{language}"]) == (row["who"] != "facade") for language in ("fr", "en")), row["id"]
        assert row["source"].endswith(row["id"])


def test_each_test_that_is_named_exists_and_is_collected() -> None:
    named = {test for row in REQUIREMENTS for test in row["tests"].split()}
    files = sorted({test.partition("::")[0] for test in named})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-p", "no:xdist", *files]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100, cwd=ROOT)
    collected = {line.partition("[")[0] for line in done.stdout.splitlines()}
    assert named - collected == set(), done.stdout[-500:]
    assert len(named) > 40


def test_each_setting_that_is_named_is_one() -> None:
    known = {each.name.partition("[")[0] for each in settings_in_force(Settings())}
    named = {name for row in REQUIREMENTS for name in row["settings"].split()}
    assert named <= known


def test_the_words_of_both_languages_are_there() -> None:
    for table in ("requirements", "risks"):
        for row in knowledge.rows(f"homologation/{table}.csv"):
            assert all(bool(row[name]) == bool(row[f"{name[:-3]}_en"]) for name in row if name.endswith("_fr"))
    for row in knowledge.rows("homologation/texts.csv"):
        assert row["fr"]
        assert set(re.findall(r"\{\w+\}", row["fr"])) == set(re.findall(r"\{\w+\}", row["en"]))


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_page_is_valid_html_that_needs_nothing_else(written: dict[tuple[str, str], str], language: str) -> None:
    text = written["html", language]
    page = html5lib.HTMLParser(strict=True).parse(text)
    assert page.get("lang") == language
    assert [each.tag for each in page.iter() if each.get("src")] == []
    links = [each.get("href", "") for each in page.iter(f"{_NAMESPACE}a")]
    anchors = {each.get("id") for each in page.iter() if each.get("id")}
    assert all(link.removeprefix("#") in anchors for link in links)
    tables = list(page.iter(f"{_NAMESPACE}table"))
    assert len(tables) >= 7
    for table in tables:
        assert table.find(f"{_NAMESPACE}caption") is not None
        assert all(each.get("scope") in ("row", "col") for each in table.iter(f"{_NAMESPACE}th"))
    assert "@media print" in text


def test_the_tables_of_the_markdown_are_whole(written: dict[tuple[str, str], str]) -> None:
    width = 0
    for line in written["md", "fr"].splitlines():
        bars = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert not (width and bars) or bars == width, line
        width = bars


def test_what_chapter_6_5_and_annexe_1_ask_for_is_there(written: dict[tuple[str, str], str]) -> None:
    text = written["md", "fr"].replace("\\", "")
    for asked in (
        "3. Systèmes d'information ayant accès au DMP",
        "Identification électronique à deux facteurs",
        "Contrôle d'accès et revue des accès",
        "Cas d'usage de préchargement automatisé",
        "Traçabilité des accès",
        "Sensibilisation des professionnels",
        "6. Risques principaux",
        "7. Suspicion de violation de données",
        "Suite à la commission tenue le [date], je soussigné [nom]",
        "Liste des identifiants juridiques portés dans les certificats IGC-Santé",
        "Liste des établissements impliqués (FINESS établissement)",
        "le contact opérationnel pour l'Assurance Maladie est",
        "(RSSI) est",
        "(DPO) est",
        "Signature :",
    ):
        assert asked in text, asked
    assert "990000028 — HOPITAL DE ROCHEVAL" in text


def test_no_secret_and_nobody_is_in_it(written: dict[tuple[str, str], str], config: Path, demo: RunningDemo) -> None:
    """Attack: whoever is handed the file learns a secret, or who was treated by whom."""
    private = [*SECRETS.values(), (demo.data / "seal.secret").read_text().strip()]
    with closing(sqlite3.connect(demo.data / "facade.db")) as database:
        columns = "person_id, person_name, local_id, patient_value, document, reason"
        # The ids of machines are settings, which the file does show.
        persons = "kind NOT IN ('structure', 'application')"
        rows = database.execute(f"SELECT {columns} FROM traces WHERE {persons}").fetchall()
    # A reason of one plain word ("test") says nothing of anybody, and the document's own text may hold it.
    private += [value for row in rows for value in row if value and not value.isalpha()]
    assert len(set(private)) > 10
    for text in written.values():
        assert [value for value in private if value in text] == []
    assert "défini (secret)" in written["md", "fr"]


def test_a_secret_in_an_address_is_left_out() -> None:
    given = Settings(database_url="postgresql+psycopg://facade:p4ss@db.test:5432/facade?password=p4ss")
    found = {each.name: each for each in settings_in_force(given)}
    assert found["database_url"].value == "postgresql+psycopg://db.test:5432/facade"
    assert "p4ss" not in str(found)
    assert (found["seal_secrets"].secret, found["port"].default) == ("unset", True)


def _tried(text: str) -> dict[str, tuple[int, int, str]]:
    """Expected, found and result of each comparison of the test of the traces."""
    section = text.partition("(EXI 18)\n")[2].partition('<a id="record">')[0]
    rows = re.findall(r"^\| (.+?) \| (\d+) \| (\d+) \| (\S+) \|$", section, re.MULTILINE)
    return {name: (int(expected), int(found), result) for name, expected, found, result in rows}


def _copied(config: Path, demo: RunningDemo, folder: Path) -> tuple[Path, Path]:
    """The settings over a copy of the demonstration's database."""
    database = folder / "copy.db"
    with closing(sqlite3.connect(demo.data / "facade.db")) as source, closing(sqlite3.connect(database)) as target:
        source.backup(target)
    settings = folder / "facade.toml"
    shutil.copy(config, settings)
    text = re.sub(r"^database_url = .*$", f'database_url = "sqlite:///{database}"', settings.read_text(), flags=re.M)
    settings.write_text(text)
    return settings, database


def test_the_extraction_of_traces_is_really_tested(config: Path, demo: RunningDemo, tmp_path: Path) -> None:
    settings, database = _copied(config, demo, tmp_path)
    with closing(sqlite3.connect(database)) as connection:
        total = connection.execute("SELECT count(*) FROM traces").fetchone()[0]
        (last,) = connection.execute("SELECT hash FROM traces ORDER BY seq DESC LIMIT 1").fetchone()
    text = run(settings).stdout
    tried = _tried(text)
    assert len(tried) == 7
    assert {result for _, _, result in tried.values()} == {"réussi"}
    whole = [numbers for name, numbers in tried.items() if "complète" in name]
    assert whole == [(total, total, "réussi")] * 2
    part = [expected for name, (expected, _, _) in tried.items() if "professionnel" in name or "dossier" in name]
    assert all(0 < each < total for each in part)
    assert last in text
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE traces SET rule = 'another' WHERE seq = 2")
    tampered = _tried(run(settings).stdout)
    assert [name for name, (_, _, result) in tampered.items() if result == "échoué"] == [
        "Vérification de la chaîne : anomalies"
    ]


def test_it_is_written_without_a_dmp(config: Path, demo: RunningDemo, tmp_path: Path) -> None:
    settings, _ = _copied(config, demo, tmp_path)
    done = run(settings, **NOWHERE)
    assert done.returncode == 0
    assert "Non utilisable : " in done.stdout
    assert "nothing listens on this port" in done.stdout
    assert "réussi" in done.stdout


def test_it_is_written_before_anything_is_set_up(tmp_path: Path) -> None:
    done = run(None, "--lang", "en", DMP_FACADE_DATABASE_URL=f"sqlite:///{tmp_path / 'none.db'}")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert "DMP\\_FACADE\\_SEAL\\_SECRETS is not set" in done.stdout
    assert "The test could not be run" in done.stdout
    wrong = run(None, DMP_FACADE_PORT="x")
    assert (wrong.returncode, "Traceback" in wrong.stderr) == (1, False)
