"""The methods by which a bot gets its updates and files."""

from typing import Any, NamedTuple

from tests.fakes import telegram_limits as limits
from tests.fakes.telegram_call import Call, method
from tests.fakes.telegram_queue import KINDS, ONLY_ON_REQUEST, Webhook
from tests.fakes.telegram_refusal import bad


class Said(NamedTuple):
    """A result that comes with a sentence."""

    result: Any
    description: str


@method("getUpdates")
async def get_updates(call: Call) -> Any:
    limit, timeout = call.integer("limit", 100), call.integer("timeout")
    if not 1 <= limit <= 100:
        limit = 100
    queue = call.bot.queue
    queue.allow(call.list_of_strings("allowed_updates"))
    return await queue.poll(call.integer("offset"), limit, max(0, timeout))


@method("setWebhook")
def set_webhook(call: Call) -> Any:
    url, queue = call.text("url"), call.bot.queue
    if not url:
        return delete_webhook(call)
    secret = call.text("secret_token") if "secret_token" in call.params else None
    connections = call.integer("max_connections", 40)
    limits.webhook(url, secret, connections, call.world.allow_http)
    queue.allow(call.list_of_strings("allowed_updates"))
    if call.flag("drop_pending_updates"):
        queue.drop()
    now = queue.webhook
    if (now.url, now.secret, now.max_connections) == (url, secret or "", connections):
        return Said(True, "Webhook is already set")
    queue.point_to(Webhook(url, secret or "", connections))
    return Said(True, "Webhook was set")


@method("deleteWebhook")
def delete_webhook(call: Call) -> Any:
    queue = call.bot.queue
    if call.flag("drop_pending_updates"):
        queue.drop()
    if not queue.webhook.url:
        return Said(True, "Webhook is already deleted")
    queue.point_to(Webhook())
    return Said(True, "Webhook was deleted")


@method("getWebhookInfo")
def get_webhook_info(call: Call) -> Any:
    queue = call.bot.queue
    queue.age()
    webhook = queue.webhook
    info: dict[str, Any] = {
        "url": webhook.url,
        "has_custom_certificate": False,
        "pending_update_count": len(queue.pending),
    }
    if webhook.url:
        info |= {"max_connections": webhook.max_connections, "ip_address": "127.0.0.1"}
    if webhook.last_error_message:
        info |= {"last_error_date": webhook.last_error_date, "last_error_message": webhook.last_error_message}
    if queue.allowed != KINDS - ONLY_ON_REQUEST:
        info["allowed_updates"] = sorted(queue.allowed)
    return info


@method("getFile")
def get_file(call: Call) -> Any:
    if not call.text("file_id"):
        raise bad("file_id not specified")
    return call.world.files.to_download(call.text("file_id"), call.bot.id)
