"""The console without a browser: what it must refuse, what it must not show, and who may have it at all."""

from __future__ import annotations

import json
import re

import pytest
import requests
from pydantic import ValidationError

from facade.console.cast import Cast
from facade.settings import Settings
from tests.support.demo import RunningDemo

CHOSEN = {"reader": "author-doctor", "patient": "adult", "lang": "en"}


def _session(demo: RunningDemo) -> tuple[requests.Session, str]:
    session = requests.Session()
    page = session.get(f"{demo.root}/console/record", params=CHOSEN, timeout=30)
    found = re.search(r'name="form" value="([^"]+)"', page.text)
    assert found is not None
    return session, found.group(1)


def test_a_form_of_another_site_changes_nothing(shown: RunningDemo) -> None:
    """CSRF: the other site can send the fields, not the cookie; or the cookie is there and the field is guessed."""
    before = shown.search("author-doctor", "adult").json()["total"]
    session, token = _session(shown)
    for sender, form in ((requests.Session(), token), (session, "guess"), (session, ""), (requests.Session(), "")):
        answer = sender.post(f"{shown.root}/console/publish", data={**CHOSEN, "form": form}, timeout=30)
        assert answer.status_code == 403
        assert "not that of this page" in answer.text
    assert shown.search("author-doctor", "adult").json()["total"] == before
    answer = session.post(f"{shown.root}/console/publish", data={**CHOSEN, "form": token}, timeout=30)
    assert answer.status_code == 200
    assert shown.search("author-doctor", "adult").json()["total"] == before + 1


def test_no_page_holds_a_token_or_a_matricule(shown: RunningDemo) -> None:
    for page in ("", "record", "history", "alerts", "policy", "obligations"):
        text = requests.get(f"{shown.root}/console/{page}", params=CHOSEN, timeout=60).text
        assert not [name for name, token in shown.tokens.items() if token.split(".")[2] in text], page
        assert not [name for name, each in shown.patients.items() if each["value"] in text], page


def test_what_a_document_or_an_address_says_is_text(shown: RunningDemo) -> None:
    """XSS: a title, a stated reason, and parameters of the address."""
    attack = "<script>alert(1)</script>"
    title = {"contentType": "application/pdf", "title": attack, "data": "JVBERi0xLjQK"}
    resource = shown.document("adult", b"") | {"content": [{"attachment": title}]}
    assert shown.post("author-doctor", "/DocumentReference", resource).status_code == 201
    said = {**CHOSEN, "reason": attack, "done": attack, "rule": attack, "lang": attack, "purpose": attack}
    page = requests.get(f"{shown.root}/console/record", params=said, timeout=30)
    assert attack not in page.text
    assert "&lt;script&gt;" in page.text
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'")


@pytest.mark.parametrize(
    "choice",
    [{}, {"reader": "nobody", "patient": "adult"}, {"reader": "nurse", "patient": "nobody"}, {"patient": "adult"}],
)
def test_a_choice_that_does_not_exist_is_refused_on_a_page(shown: RunningDemo, choice: dict[str, str]) -> None:
    for page in ("record", "history"):
        answer = requests.get(f"{shown.root}/console/{page}", params={**choice, "lang": "en"}, timeout=30)
        assert answer.status_code == 400
        assert "There is no such choice" in answer.text


def test_a_mask_that_does_not_exist_is_refused(shown: RunningDemo) -> None:
    session, token = _session(shown)
    sent = {**CHOSEN, "form": token, "document": "x", "mask": "EVERYTHING", "on": "yes"}
    assert session.post(f"{shown.root}/console/mask", data=sent, timeout=30).status_code == 400
    gone = session.post(f"{shown.root}/console/mask", data={**sent, "mask": "MASQUE_PS"}, timeout=30)
    assert "document.unknown" in gone.text


def test_without_a_slash_the_links_of_the_page_still_lead_somewhere(shown: RunningDemo) -> None:
    answer = requests.get(f"{shown.root}/console", timeout=30)
    assert (answer.url, answer.status_code) == (f"{shown.root}/console/", 200)


def test_each_page_leaves_the_traces_of_what_was_asked(shown: RunningDemo) -> None:
    requests.get(f"{shown.root}/console/record", params={**CHOSEN, "reader": "nurse", "patient": "minor"}, timeout=30)
    traces = shown.call("patient-minor", "GET", "/AuditEvent", params={"patient.identifier": shown.ins("minor")})
    acts = {
        (each["resource"]["agent"][0]["who"].get("display"), each["resource"]["subtype"][1]["code"])
        for each in traces.json()["entry"]
    }
    assert ("PAUL DUMAS", "search") in acts


def test_an_installation_with_real_patients_has_no_console() -> None:
    with pytest.raises(ValidationError, match="needs test_identities"):
        Settings(console="cast.json")


def test_a_file_that_cannot_be_read_is_not_quoted(tmp_path: object) -> None:
    from pathlib import Path

    file = Path(str(tmp_path)) / "cast.json"
    reader = {"name": "nurse", "title_fr": "x", "title_en": "x", "token": "eyJ.secret", "more": 1}
    file.write_text(json.dumps({"readers": [reader], "patients": []}))
    with pytest.raises(ValueError, match="ValidationError") as raised:
        Cast.read(file)
    assert "secret" not in str(raised.value)
    with pytest.raises(ValueError, match="FileNotFoundError"):
        Cast.read(Path(str(tmp_path)) / "none")
