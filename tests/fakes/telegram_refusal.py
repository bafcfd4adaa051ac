"""How the Bot API says no: a status, a sentence, at times a number."""

from typing import Any


class Refusal(Exception):
    """Answered as `{"ok": false, ...}`; nothing has happened."""

    def __init__(self, code: int, description: str, parameters: dict[str, Any] | None = None) -> None:
        super().__init__(description)
        self.code, self.description, self.parameters = code, description, parameters

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"ok": False, "error_code": self.code, "description": self.description}
        return body | ({"parameters": self.parameters} if self.parameters else {})


def bad(sentence: str) -> Refusal:
    return Refusal(400, f"Bad Request: {sentence}")


def forbidden(sentence: str) -> Refusal:
    return Refusal(403, f"Forbidden: {sentence}")


def conflict(sentence: str) -> Refusal:
    return Refusal(409, f"Conflict: {sentence}")


def too_many(seconds: int) -> Refusal:
    return Refusal(429, f"Too Many Requests: retry after {seconds}", {"retry_after": seconds})


UNAUTHORIZED = Refusal(401, "Unauthorized")
NOT_FOUND = Refusal(404, "Not Found")
NO_SUCH_METHOD = Refusal(404, "Not Found: method not found")
TOO_LARGE = Refusal(413, "Request Entity Too Large")
LOGGED_OUT = bad("logged out")

WEBHOOK_IS_ACTIVE = conflict(
    "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)
OTHER_GET_UPDATES = conflict("terminated by other getUpdates request; make sure that only one bot instance is running")
SET_WEBHOOK = conflict("terminated by setWebhook request")
NOT_MODIFIED = bad(
    "message is not modified: specified new message content and reply markup are exactly the same as a current "
    "content and reply markup of the message"
)
QUERY_TOO_OLD = bad("query is too old and response timeout expired or query ID is invalid")
