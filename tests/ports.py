"""Where a server of the tests may listen."""

import socket


def free_port() -> int:
    """One of this machine's that nobody listens on: a process may come back to it after it was killed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
