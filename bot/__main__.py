"""The command line: `python -m bot <command>`."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

COMMANDS = ("serve", "chat", "migrate", "community", "worker", "audit", "telegram", "wechat", "doctor", "understand")


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
    parser.set_defaults(alone=False)
    asked = parser.parse_args(given)
    try:
        status: int = asked.run(asked) if asked.alone else _with_settings(asked)
        return status
    except KeyboardInterrupt:
        return 130


def _with_settings(asked: argparse.Namespace) -> int:
    """Run a command on the settings in force; what is wrong with them is told in a line."""
    from bot.channels.telegram.bots import BadBots  # here: a command that stands alone does not wait for these
    from bot.channels.wechat.given import BadAccounts
    from bot.content.load import BadPack
    from bot.logs import set_up
    from bot.settings import BadSettings, read_settings

    try:
        settings = read_settings()
        set_up(settings.log_level)
        status: int = asked.run(asked, settings)
        return status
    except (BadSettings, BadPack, BadBots, BadAccounts) as problem:
        print(problem, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
