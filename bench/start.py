"""What a process costs: memory when idle, and the time from its start to the first answered message."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from bench.ends import our_server
from bench.house import SLUG

LIBRARIES = "import aiohttp.web, sqlmodel, apscheduler.schedulers.asyncio, telegram.ext"
IDLE = 2.0  # seconds


@dataclass(frozen=True)
class Start:
    answered: float  # seconds from starting the process to the first answer
    imports: float  # seconds of a process that only imports the libraries
    megabytes: float  # resident, idle, after that first message


def start(url: str) -> Start:
    """`python -m bot serve` with every part on, on a furnished store."""
    began = time.perf_counter()
    with our_server(url) as (server, port):
        door = HTTPConnection("127.0.0.1", port)
        said = json.dumps({"id": "1", "text": "你好"})
        door.request("POST", f"/api/chat/{SLUG}/messages", said, {"Content-Type": "application/json"})
        if "replies" not in door.getresponse().read().decode():
            raise RuntimeError("the first message was not answered")
        answered = time.perf_counter() - began
        time.sleep(IDLE)
        status = Path(f"/proc/{server.pid}/status").read_text("ascii")
    kilobytes = int(status.partition("VmRSS:")[2].split()[0])
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", LIBRARIES], check=True)
    return Start(answered, time.perf_counter() - began, kilobytes / 1024)
