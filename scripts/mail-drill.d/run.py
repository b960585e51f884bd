"""The drill: queue messages, kill senders and the mail server while they leave, then count what arrived."""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from email import message_from_bytes
from pathlib import Path
from typing import Any

import requests
from postfix import Postfix

SENDER = "messagerie@rocheval.mssante.fr"
DOMAINS = ("drill.mssante.fr", "patient.mssante.fr", "rocheval.mssante.fr")
FINAL = ("completed", "failed", "on-hold", "cancelled")
FACADE = [sys.executable, "-m", "facade.cli"]


class Drill:
    """A demonstration whose outbox writes to a real postfix."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - when to kill is no secret
        self._data = folder / "demo"
        command = [*FACADE, "demo", "--port", "0", "--json", "--data", str(self._data)]
        self._demo = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._demo.stdout is not None
        self._facts = json.loads(self._demo.stdout.readline())
        os.kill(int((self._data / "outbox.pid").read_text()), signal.SIGKILL)
        self.postfix = Postfix(_private(folder / "postfix"), self._data / "pki", DOMAINS)
        text = (self._data / "facade.toml").read_text()
        before, after = text.split("[mail]\n")
        self._config = folder / "drill.toml"
        self._config.write_text(f"{before}[mail]\n" + re.sub(r"(?m)^port = \d+$", f"port = {self.postfix.port}", after))

    @property
    def patient(self) -> str:
        """The matricule of the patient whose documents are sent."""
        return str(self._facts["patients"]["adult"]["value"])

    def end(self) -> None:
        """Stop the mail server and the demonstration."""
        self.postfix.stop()
        self._demo.terminate()
        self._demo.wait(30)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One FHIR call as the author; the answer. Raises requests.HTTPError."""
        headers = {"Authorization": f"Bearer {self._facts['tokens']['author-doctor']}"}
        headers |= {"Content-Type": "application/fhir+json"} if body else {}
        data = json.dumps(body) if body else None
        answer = requests.request(method, self._facts["fhir"] + path, headers=headers, data=data, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def queue(self, address: str) -> dict[str, Any]:
        """Publish a document and send it to an address; the Task."""
        pdf = base64.b64encode(b"%PDF-1.4\n" + os.urandom(3000)).decode()
        document = self.call(
            "POST",
            "/DocumentReference",
            {
                "resourceType": "DocumentReference",
                "status": "current",
                "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
                "subject": {"identifier": self._facts["patients"]["adult"]},
                "content": [{"attachment": {"contentType": "application/pdf", "data": pdf}}],
            },
        )
        reference = {"reference": f"DocumentReference/{document['id']}"}
        parameters = [{"name": "document", "valueReference": reference}, {"name": "recipient", "valueUrl": address}]
        bundle = self.call("POST", "/DocumentReference/$send", {"resourceType": "Parameters", "parameter": parameters})
        task: dict[str, Any] = bundle["entry"][0]["resource"]
        return task

    def sender(self) -> subprocess.Popen[bytes]:
        """One more sender, that writes to postfix."""
        return subprocess.Popen([*FACADE, "outbox", "--config", str(self._config)], stderr=subprocess.DEVNULL)

    def take_in(self) -> int:
        """Pipe what came to the sending box into the facade; what it takes is gone."""
        count = 0
        for path in [path for box, path in self.postfix.delivered() if box == SENDER]:
            command = [*FACADE, "mail-in", "--config", str(self._config)]
            if subprocess.run(command, stdin=path.open("rb"), capture_output=True, check=False).returncode == 0:
                path.unlink()
                count += 1
        return count

    def tasks(self, tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The Tasks as they are now."""
        return [self.call("GET", f"/Task/{task['id']}") for task in tasks]


def _private(folder: Path) -> Path:
    folder.mkdir()
    return folder


def run(drill: Drill, messages: int) -> int:
    drill.postfix.start()
    patient = drill.patient
    addresses = [f"mailto:dr{number}@drill.mssante.fr" for number in range(messages)]
    addresses += [f"mailto:bounce{number}@drill.mssante.fr" for number in range(3)]
    addresses.append(f"mailto:{patient}@patient.mssante.fr")
    tasks = [drill.queue(address) for address in addresses]
    for attempt in range(6):
        senders = [drill.sender(), drill.sender()]
        _until_one_more_leaves(drill, tasks)
        time.sleep(drill.random.random() * 0.3)
        if attempt == 2:
            drill.postfix.stop()
            time.sleep(1)
        for process in senders:
            process.send_signal(signal.SIGKILL)
            process.wait()
        if attempt == 2:
            drill.postfix.start()
    last = drill.sender()
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and not all(task["status"] in FINAL for task in drill.tasks(tasks)):
        time.sleep(1)
    last.terminate()
    last.wait(30)
    time.sleep(3)
    notices = drill.take_in()
    return judge(drill, drill.tasks(tasks), notices)


def _until_one_more_leaves(drill: Drill, tasks: list[dict[str, Any]]) -> None:
    """So that senders are killed at work, however slow the machine is."""

    def settled() -> int:
        return sum(task["status"] in FINAL for task in drill.tasks(tasks))

    before, deadline = settled(), time.monotonic() + 20
    while time.monotonic() < deadline and settled() <= before:
        time.sleep(0.05)


def judge(drill: Drill, tasks: list[dict[str, Any]], notices: int) -> int:
    """Compare what is told with what lies in the boxes. 1 for a message lost, doubled or told wrongly."""
    arrived = Counter(
        str(message_from_bytes(path.read_bytes())["Message-ID"]).strip("<> ")
        for box, path in drill.postfix.delivered()
        if box != SENDER
    )
    wrong = 0
    told: Counter[str] = Counter()
    for task in tasks:
        message_id = next(each["valueString"] for each in task["output"] if "valueString" in each)
        box = task["input"][0]["valueUrl"]
        count, state = arrived[message_id], task["businessStatus"]["coding"][0]["code"]
        told[f"{task['status']}/{state}"] += 1
        expected = (0,) if "bounce" in box else (0, 1) if task["status"] == "on-hold" else (1,)
        bad_bounce = "bounce" in box and task["status"] not in ("failed", "on-hold")
        if count not in expected or bad_bounce or task["status"] not in FINAL:
            wrong += 1
            print(f"WRONG: {task['status']}/{state}, {count} in the box")
    doubled = [each for each in arrived.values() if each > 1]
    print(f"{len(tasks)} messages, {notices} notifications taken in, told: {dict(told)}, doubled: {len(doubled)}")
    return 1 if wrong or doubled else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20)
    parser.add_argument("--seed", type=int, default=20261122)
    asked = parser.parse_args()
    if shutil.which("postfix") is None or os.geteuid() != 0:
        print("needs root and the package postfix: apt-get install postfix")
        return 2
    folder = Path(tempfile.mkdtemp(prefix="mail-drill-", dir="/var/tmp"))
    folder.chmod(0o755)
    drill = Drill(folder, asked.seed)
    try:
        return run(drill, asked.messages)
    finally:
        drill.end()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
