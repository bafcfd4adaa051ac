"""One measurement in a process of its own: python -m bench.case <module>.<function> <store> <numbers…>."""

import asyncio
import json
import sys
from dataclasses import asdict
from importlib import import_module


def main() -> None:
    name, url, *numbers = sys.argv[1:]
    module, _, function = name.partition(".")
    measure = getattr(import_module(f"bench.{module}"), function)
    print(json.dumps(asdict(asyncio.run(measure(url, *map(int, numbers))))))


if __name__ == "__main__":
    main()
