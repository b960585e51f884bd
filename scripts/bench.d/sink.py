"""A program: a server over mutual TLS that takes whatever is POSTed and gives back recorded bytes, nothing else.

It stands where the DMP stands when bytes are sent or fetched raw: ``POST /`` reads the body and says ok,
``POST /NAME`` reads it and answers as ``GET /NAME`` does: with ``NAME.bin`` of the recorded folder. It prints its port
and ends with its standard input.

Arguments: the folder of the test PKI, the folder of recorded exchanges.
"""

from __future__ import annotations

import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_CHUNK = 256 * 1024


class Sink(BaseHTTPRequestHandler):
    """HTTP/1.1 with connections kept open."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    recorded: Path

    def do_POST(self) -> None:
        """Read everything, keep nothing."""
        left = int(self.headers["Content-Length"])
        while left > 0 and (chunk := self.rfile.read(min(left, _CHUNK))):
            left -= len(chunk)
        if self.path == "/":
            self._answer("text/plain", b"ok")
        else:
            self.do_GET()

    def do_GET(self) -> None:
        """A recorded answer."""
        name = Path(self.path).name
        content_type = (self.recorded / f"{name}.type").read_text()
        self._answer(content_type, (self.recorded / f"{name}.bin").read_bytes())

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, content_type: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    pki, Sink.recorded = Path(sys.argv[1]), Path(sys.argv[2])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "server.pem", pki / "server.key")
    context.load_verify_locations(pki / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
