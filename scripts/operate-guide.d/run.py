"""Types the operator's guide into an empty Debian 12: a tree of its own, processes of its own, the host's network."""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.guides import ROOT, Typed, commands, says, type_in

GUIDE = ROOT / "docs" / "operate.md"
MIRROR = "http://deb.debian.org/debian"
PORTS = (5432, 8001, 8002, 8443, 9080, 9443, 9587, 9588)
SECONDS = 1500
# A new mount and process space: what the guide starts ends with it, and nothing stays mounted.
SPACE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--system", type=Path, help="where an empty Debian 12 is, or is to be kept")
    given = options.parse_args()
    problem = _problem()
    if problem:
        print(problem, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="dmp-facade-operate-") as folder:
        system = _empty_debian(Path(folder), given.system)
        return _verdict(_typed(system))


def _problem() -> str:
    if os.geteuid() != 0:
        return "run this as root: it makes a Debian tree and enters it"
    if shutil.which("debootstrap") is None:
        return "debootstrap is missing: apt-get install debootstrap"
    taken = [port for port in PORTS if _listens(port)]
    return f"these ports are in use, and the guide needs them: {taken}" if taken else ""


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _empty_debian(folder: Path, kept: Path | None) -> Path:
    """A Debian 12 with next to nothing in it, and the checkout where it is here."""
    made, system = kept or folder / "made", folder / "system"
    if not (made / "etc").exists():
        print("making an empty Debian 12...", file=sys.stderr)
        command = [
            "debootstrap",
            "--variant=minbase",
            "--include=ca-certificates,procps",
            "bookworm",
            str(made),
            MIRROR,
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["/bin/cp", "-a", str(made), str(system)], check=True)
    shutil.copy("/etc/resolv.conf", system / "etc" / "resolv.conf")
    # The host's authorities: a package server may be reached through a proxy that has one of its own.
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", system / "etc" / "ssl" / "certs" / "ca-certificates.crt")
    shutil.copy(ROOT / "scripts" / "operate-guide.d" / "systemctl", system / "usr" / "local" / "bin" / "systemctl")
    files = subprocess.run(
        ["/usr/bin/git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\n")
    for name in filter(None, files):
        target = system / ROOT.relative_to("/") / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    return system


def _typed(system: Path) -> list[Typed]:
    folder = system / "tmp" / "typed"
    folder.mkdir()
    enter = [
        *SPACE,
        "/bin/sh",
        "-c",
        'mount --rbind /dev "$0/dev"; mount -t proc proc "$0/proc"; exec chroot "$0" "$@"',
    ]
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    return type_in(commands(GUIDE), folder, ENVIRONMENT | proxies, SECONDS, [*enter, str(system)], system)


def _verdict(typed: list[Typed]) -> int:
    wrong = 0
    for each in typed:
        said = each.command.answer is None or says(each.command.answer, each.printed)
        fine = said and each.status == 0
        wrong += not fine
        print(
            f"{'ok  ' if fine else 'NOT '} {GUIDE.name}:{each.command.line}  {each.command.text.splitlines()[0][:90]}"
        )
        if not fine:
            print(f"status {each.status}, printed:\n{each.printed[-4000:]}")
    left = len(commands(GUIDE)) - len(typed)
    print(f"{len(typed) - wrong} blocks as the guide says, {wrong} not, {left} not reached")
    return int(bool(wrong or left))


if __name__ == "__main__":
    sys.exit(main())
