"""A member of staff with WeCom in hand."""

from tests.fakes.wechat_courier import Courier, Sent
from tests.fakes.wechat_screen import Screen
from tests.fakes.wechat_state import Corp, Follower, Shown
from tests.fakes.wechat_world import World


class Staff(Screen):
    def __init__(self, world: World, courier: Courier, corp: Corp, userid: str) -> None:
        super().__init__(world, userid)
        self.corp, self.courier = corp, courier
        self._me = corp.members.setdefault(userid, Follower(userid, userid))

    @property
    def me(self) -> Follower:
        return self._me

    async def say(self, text: str) -> Sent:
        """Write to the app."""
        self.acted = self.world.stamp()
        self.world.show(self.me, Shown("mine", "text", text))
        return self.courier.carry(self.corp, self.me, "text", {"Content": text})
