"""Our engine in process: Worker.answer on a furnished store."""

from bench.dialogue import STEPS, drive
from bench.figures import Turns
from bench.house import SLUG, address, kept
from bot.app import open_desk, tune
from bot.conversation.message import Message
from bot.conversation.worker import Worker
from bot.settings import Settings


async def turns(url: str, in_flight: int, dialogues: int) -> Turns:
    """Durable turns of 64 residents; raises if the store does not hold every one of them."""
    desk = open_desk(Settings(database_url=url))
    tune()  # as bot.app.application does
    community, addresses = desk.communities[SLUG], [address(n) for n in range(64)]
    async with Worker(desk) as worker:

        async def answer(resident: int, message_id: str, text: str) -> str:
            replies = await worker.answer(community.id, Message(message_id, addresses[resident], text))
            return replies[0].text

        found = await drive(answer, in_flight, dialogues)
    finished = 64 * (dialogues + 1)
    if kept(desk.engine) != (finished * STEPS, finished):
        raise RuntimeError(f"the store holds {kept(desk.engine)}, not {finished} dialogues")
    desk.engine.dispose()
    return found
