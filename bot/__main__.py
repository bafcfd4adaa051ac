"""The command line: `python -m bot <command>`."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from bot.channels.telegram.bots import BadBots
from bot.channels.wechat.given import BadAccounts
from bot.content.load import BadPack
from bot.logs import set_up
from bot.settings import BadSettings, read_settings

COMMANDS = ("serve", "chat", "migrate", "community", "worker", "telegram", "wechat", "doctor")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it did what it should, 1 when it could not, 2 when it was not understood."""
    parser = argparse.ArgumentParser(
        prog="python -m bot", description="邻里坊: a neighbourhood's service desk in a chat"
    )
    chosen = parser.add_subparsers(metavar="command", required=True)
    given = sys.argv[1:] if arguments is None else arguments
    only = [name for name in given[:1] if name in COMMANDS]  # the others take a while to load
    for name in only or COMMANDS:
        import_module(f"bot.commands.{name}").describe(chosen)
    asked = parser.parse_args(given)
    try:
        settings = read_settings()
        set_up(settings.log_level)
        status: int = asked.run(asked, settings)
        return status
    except (BadSettings, BadPack, BadBots, BadAccounts) as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
