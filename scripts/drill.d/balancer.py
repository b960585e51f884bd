"""The load balancer in front of several facades: HAProxy, or nginx, from Debian."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from parts import DrillFailed, Part, free_port, listens

_PROGRAMS = "/usr/sbin:/usr/local/sbin:/usr/bin"
_HAPROXY = """
global
  maxconn 256
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  # A request that reached a host may have been done by it: only one that never arrived goes to another.
  retries 2
  retry-on conn-failure
  option redispatch
frontend door
  bind 127.0.0.1:{port}
  default_backend facades
backend facades
  balance roundrobin
  option httpchk GET /readyz
  default-server check inter 500ms fall 2 rise 1
{servers}
"""
_NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream facades {{
{servers}
  }}
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 32m;
    location / {{
      proxy_pass http://facades;
      proxy_set_header Host $host;
      # nginx repeats no request that may change something unless it never reached a host.
      proxy_next_upstream error;
      proxy_connect_timeout 2s;
      proxy_read_timeout 60s;
    }}
  }}
}}
"""


BALANCERS = ("haproxy", "nginx")


def balancer(folder: Path, ports: Sequence[int], wanted: str = "") -> tuple[Part, int]:
    """The balancer (not started) and its port: the one ``wanted``, else the first that is installed.

    Raises DrillFailed where Debian's package is not installed.
    """
    found = ((name, shutil.which(name, path=_PROGRAMS)) for name in BALANCERS if wanted in ("", name))
    name, program = next(((name, path) for name, path in found if path), ("", ""))
    if not program:
        raise DrillFailed(f"no load balancer: apt-get install {wanted or 'haproxy (or nginx)'}")
    port, config = free_port(), folder / "balancer.conf"
    if name == "haproxy":
        servers = "\n".join(f"  server host-{n} 127.0.0.1:{each}" for n, each in enumerate(ports, 1))
        config.write_text(_HAPROXY.format(port=port, servers=servers))
        command = [program, "-db", "-f", str(config)]
    else:
        servers = "\n".join(f"    server 127.0.0.1:{each} max_fails=0;" for each in ports)
        config.write_text(_NGINX.format(port=port, servers=servers, folder=folder))
        command = [program, "-p", str(folder), "-c", str(config)]
    return Part(name, command, folder, lambda: listens(port)), port
