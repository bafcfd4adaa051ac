// Messages on their way to the desk, one after another, each kept until the desk has answered.
// The server gives the same replies to the same id, so sending again is always safe.

import { shelf, slug } from "./page.js";

const TIMEOUT_MS = 20_000;
const FIRST_PAUSE_S = 1;
const LONGEST_PAUSE_S = 30;
const KEY = "unsent:";

const queue = [];
let report = null;
let started = false;
let running = false;
let wake = () => {};
let hurry = () => {};

/** `events`: {sending(message), delayed(message, busy), answered(message, replies), refused(message, error)}. */
export function openOutbox(events) {
  report = events;
  addEventListener("online", () => hurry());
  document.addEventListener("visibilitychange", () => { if (!document.hidden) hurry(); });
}

/** Lets messages go. Until the history is here they wait, so that it cannot hold what is also shown as new. */
export function start() {
  started = true;
  queue.sort((a, b) => a.at.localeCompare(b.at));
  drain();
}

/** What an earlier visit could not send, oldest first. */
export function unsent() {
  return shelf.keys(KEY).map((key) => shelf.get(key)).filter(Boolean).sort((a, b) => a.at.localeCompare(b.at));
}

/** `message`: {id, at, body: what the server gets, shown: what the bubble shows or null}. */
export function post(message) {
  shelf.put(KEY + message.id, message);
  queue.push(message);
  drain();
}

/** Whether the very same thing is already on its way: the second tap of a double tap. */
export function carries(body) {
  return queue.some((message) => JSON.stringify(message.body) === JSON.stringify(body));
}

export function sendNow() {
  hurry();
}

export function forget(id) {
  shelf.remove(KEY + id);
  const index = queue.findIndex((message) => message.id === id);
  if (index >= 0) queue.splice(index, 1);
  wake();
}

/** Waits, or until trying now is worth while; a `firm` wait is one the server asked for, and is kept. */
function pause(seconds, firm) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    wake = () => { clearTimeout(timer); resolve(); };
    hurry = firm ? () => {} : wake;
  });
}

function backOff(tries) {
  const seconds = Math.min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (tries - 1));
  return seconds * (0.75 + Math.random() / 2);
}

async function drain() {
  if (running || !started) return;
  running = true;
  while (queue.length) await deliver(queue[0]);
  running = false;
}

async function deliver(message) {
  for (let tries = 1; queue[0] === message; tries += 1) {
    report.sending(message);
    const outcome = await attempt(message);
    if (queue[0] !== message) return;
    if (outcome.later === undefined) {
      forget(message.id);
      if (outcome.replies) report.answered(message, outcome.replies);
      else report.refused(message, outcome.error);
      return;
    }
    report.delayed(message, outcome.busy);
    await pause(outcome.later || backOff(tries), outcome.busy);
  }
}

function retryAfter(response) {
  const seconds = Number(response.headers.get("Retry-After"));
  return seconds > 0 ? Math.min(seconds, 600) : 5;
}

/** One try: {replies} | {error} | {later: seconds, or 0 for the usual back-off; busy}. */
async function attempt(message) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), TIMEOUT_MS);
  try {
    const response = await fetch(`/api/chat/${slug}/messages`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ id: message.id, ...message.body }),
      signal: abort.signal,
    });
    if (response.status === 429) return { later: retryAfter(response), busy: true };
    if (response.ok) return { replies: (await response.json()).replies };
    if (response.status >= 500 || response.status === 408) return { later: 0 };
    const answer = await response.json().catch(() => ({}));
    return { error: answer.error || "" };
  } catch {
    return { later: 0 };
  } finally {
    clearTimeout(timer);
  }
}
