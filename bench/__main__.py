"""python -m bench: list the benchmarks; python -m bench <name>: run one."""

import sys
from importlib import import_module

NAMES = ("turns", "reminders", "broadcast", "wechat", "understanding")


def main() -> int:
    name, *rest = sys.argv[1:] or [""]
    if name in NAMES:
        run = import_module(f"bench.{name}").run
        return int(run(rest))
    for known in NAMES:
        summary = (import_module(f"bench.{known}").__doc__ or "").splitlines()[0]
        print(f"python -m bench {known:<13} {summary}")
    return 0 if name in ("", "-h", "--help") else 2


if __name__ == "__main__":
    sys.exit(main())
