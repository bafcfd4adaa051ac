"""The peer behind an aiohttp webhook that answers in the response: python -m bench.hook <port> [<store>]."""

import sys

from aiohttp import web

from bench.ptb import bot, take


async def served(path: str) -> web.Application:
    """An update posted is a turn; durable when it is given the path of a store."""
    app = await bot(path)

    async def hear(request: web.Request) -> web.Response:
        return web.json_response({"text": await take(app, await request.json())})

    site = web.Application()
    site.add_routes([web.post("/", hear)])
    return site


if __name__ == "__main__":
    port, *store = sys.argv[1:]
    web.run_app(served(store[0] if store else ""), host="127.0.0.1", port=int(port), print=None, access_log=None)
