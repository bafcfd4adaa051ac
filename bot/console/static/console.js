// What every page of the console does by itself: it hears the news, and makes itself heard where something is urgent.

import { ring, sounding } from "./bell.js";

const LONGEST_PAUSE_MS = 60_000;
const PATIENCE_MS = 4_000;
const AGAIN_MS = 30_000;

const title = document.title;
const badge = document.getElementById("urgent");
const offline = document.getElementById("offline");
let seq = Number(document.body.dataset.seq);
let urgent = 0;
let wait = 2_000;
let doubt = 0;

function show(news) {
  if (news.urgent > urgent) ring();
  urgent = news.urgent;
  document.title = urgent ? `(${urgent}) ${title}` : title;
  badge.textContent = urgent || "";
  badge.hidden = !urgent;
  if (news.seq !== seq) {
    seq = news.seq;
    document.body.dispatchEvent(new Event("news"));
  }
}

function connected(yes) {
  clearTimeout(doubt);
  doubt = 0;
  if (yes) offline.hidden = true;
  else doubt = setTimeout(() => { offline.hidden = false; }, PATIENCE_MS);
}

function listen() {
  const source = new EventSource("/console/stream");
  source.onopen = () => { wait = 2_000; connected(true); };
  source.onmessage = (event) => show(JSON.parse(event.data));
  source.onerror = () => {
    if (!doubt) connected(false);
    // A dropped line is mended by the browser; one that was refused is for ever: then somebody has to log in again.
    if (source.readyState === EventSource.CLOSED) setTimeout(comeBack, wait);
  };
}

async function comeBack() {
  wait = Math.min(wait * 2, LONGEST_PAUSE_MS);
  try {
    const answer = await fetch("/console", { headers: { "HX-Request": "true", "X-By-Itself": "1" } });
    if (answer.status === 401) return location.reload();
  } catch {
    // Still away; asked again after a longer pause.
  }
  listen();
}

if (badge) {
  sounding(document.getElementById("sound"));
  setInterval(() => { if (urgent) ring(); }, AGAIN_MS);
  listen();
}
