"""Keys that are known before a row is written."""

import secrets
import threading
import time

ROOM = 22  # bits below the milliseconds
_last = 0
_lock = threading.Lock()


def new_id() -> int:
    """Milliseconds since 1970, then 22 bits: random for the first of a millisecond, counted on for those after it.

    So no two of one process are alike however fast they are made; two processes meet once in millions of times.
    """
    global _last
    fresh = time.time_ns() // 1_000_000 << ROOM | secrets.randbits(ROOM)
    with _lock:
        _last = fresh if fresh >> ROOM > _last >> ROOM else _last + 1
        return _last
