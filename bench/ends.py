"""End to end: a server in its own process, the load client in another, HTTP between them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench.figures import Turns, from_line


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    command: Sequence[str], port: int, *, python: str = sys.executable, **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A server, once it listens; stopped at the end."""
    server = subprocess.Popen([python, "-m", *command], env=os.environ | settings, stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if server.poll() is not None:
                    raise RuntimeError(f"{' '.join(command)} did not start") from None
                time.sleep(0.005)
        yield server
    finally:
        server.terminate()
        server.wait()


@contextmanager
def our_server(url: str, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`python -m bot serve` on a store, and its port."""
    port = free_port()
    settings = {"LINLIFANG_DATABASE_URL": url, "LINLIFANG_PORT": str(port), "LINLIFANG_LOG_LEVEL": "WARNING"}
    with running(["bot", "serve", *arguments], port, **settings) as server:
        yield server, port


def ours(url: str, connections: int, dialogues: int, *arguments: str) -> Turns:
    """Our web chat."""
    with our_server(url, *arguments) as (_, port):
        return _load("web", port, connections, dialogues)


def peer(store: str, connections: int, dialogues: int) -> Turns:
    """python-telegram-bot behind a webhook, durable when it is given a store."""
    port = free_port()
    with running(["bench.hook", str(port), *([store] if store else [])], port):
        return _load("hook", port, connections, dialogues)


def _load(what: str, port: int, connections: int, dialogues: int) -> Turns:
    command = [sys.executable, "-m", "bench.load", what, str(port), str(connections), str(dialogues)]
    return from_line(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
