// What the desk says by itself: history when the page opens, then reminders and ticket news as they come.

import { slug } from "./page.js";

const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 60_000;
const PATIENCE_MS = 4_000;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** {items, last}; tries until it has them, calling `failed` after each miss. */
export async function readHistory(failed) {
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
    try {
      const response = await fetch(`/api/chat/${slug}/history`);
      if (response.ok) return await response.json();
    } catch {
      // Falls through to the same wait as an answer that is not ok.
    }
    failed();
    await sleep(wait);
  }
}

/** Tells `connected(bool)` of a silence only when it lasts: phones drop the line for a second all the time. */
function patience(connected) {
  let doubt = 0;
  return {
    lost() { doubt = doubt || setTimeout(() => connected(false), PATIENCE_MS); },
    found() { clearTimeout(doubt); doubt = 0; connected(true); },
  };
}

/** Calls `open` whenever the line may be dead without knowing it: back online, or back from a long sleep. */
function watchReturn(open) {
  let hiddenAt = 0;
  addEventListener("online", open);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) hiddenAt = Date.now();
    else if (Date.now() - hiddenAt > LONGEST_PAUSE_MS) open();
  });
}

/** Calls `heard(item)` for each push after event `last`, and `connected(bool)` as the line goes and comes. */
export function listen(last, { heard, connected }) {
  const seen = new Set();
  const line = patience(connected);
  let source = null;
  let wait = FIRST_PAUSE_MS;

  function take(event) {
    if (event.lastEventId) {
      if (seen.has(event.lastEventId)) return;
      seen.add(event.lastEventId);
      last = event.lastEventId;
    }
    heard({ id: event.lastEventId, ...JSON.parse(event.data) });
  }

  function open() {
    if (source) source.close();
    source = new EventSource(`/api/chat/${slug}/events?after=${encodeURIComponent(last || "")}`);
    source.onopen = () => { wait = FIRST_PAUSE_MS; line.found(); };
    source.onmessage = take;
    source.onerror = () => {
      line.lost();
      // A proxy's error page ends an EventSource for good; a dropped line is mended by the browser itself.
      if (source.readyState !== EventSource.CLOSED) return;
      setTimeout(open, wait);
      wait = Math.min(wait * 2, LONGEST_PAUSE_MS);
    };
  }

  addEventListener("offline", () => connected(false));
  watchReturn(open);
  open();
}
