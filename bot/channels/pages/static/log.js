// The conversation on the page: what was said, in order, under its days; one reply alive at a time.

import { el, words } from "./page.js";
import { asks, bubble, setAlive } from "./bubble.js";
import { heading } from "./days.js";

const log = document.getElementById("log");
const scroller = document.getElementById("scroller");
const typing = document.getElementById("typing");
const newBelow = document.getElementById("new-below");

const NEAR = 80;
const MARGIN = 12;
const TYPING_AFTER_MS = 300;

let act = null;
let previous = null;
let alive = [];
let newestMine = null;
let following = true;
let lastTop = 0;
let typingTimer = 0;

/** `actions`: {choose(choice, button), photo(), place()} for the buttons under a reply. */
export function openLog(actions) {
  act = actions;
  newBelow.addEventListener("click", toEnd);
  scroller.addEventListener("scroll", notice, { passive: true });
  // A picture has no height until it arrives, and a keyboard takes height away: either would hide the end.
  log.addEventListener("load", keepUp, true);
  new ResizeObserver(keepUp).observe(scroller);
}

const nearEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;

function keepUp() {
  if (following) toEnd();
}

/** Only a resident who scrolls up has stopped following; being far from the end may just mean that it moved. */
function notice() {
  const wentUp = scroller.scrollTop < lastTop;
  lastTop = scroller.scrollTop;
  if (nearEnd()) following = true;
  else if (wentUp) following = false;
  if (following) newBelow.hidden = true;
}

export function toEnd() {
  scroller.scrollTop = scroller.scrollHeight;
  following = true;
  newBelow.hidden = true;
}

function place(item) {
  const at = item.at ? new Date(item.at) : new Date();
  const title = heading(previous, at);
  if (title) log.append(el("div", { className: "day" }, el("time", { dateTime: at.toISOString() }, title)));
  previous = at;
  const entry = bubble(item, act);
  log.append(entry);
  if (item.from === "desk") setAlive(entry, false);
  return entry;
}

function enliven(entry, item) {
  if (asks(item)) retire();
  alive = asks(item) ? [entry] : [...alive, entry];
  setAlive(entry, true);
}

/** The talk moves on: what the desk last asked can no longer be tapped. */
export function retire() {
  alive.forEach((entry) => setAlive(entry, false));
}

/** The desk did not take what was said, so its question still stands. */
export function revive() {
  alive.forEach((entry) => setAlive(entry, true));
}

/** Puts the past above whatever was said while it was being read; gives the item that still asks, or null. */
export function showHistory(items) {
  const since = Array.from(log.childNodes);
  const entries = items.map(place);
  log.append(...since);
  if (newestMine && since.includes(newestMine)) { toEnd(); return null; }
  const turn = items.map((item) => item.from !== "desk").lastIndexOf(true) + 1;
  items.slice(turn).forEach((item, index) => enliven(entries[turn + index], item));
  toEnd();
  return items.slice(turn).filter(asks).pop() || null;
}

/** History is read silently; a screen reader hears only what comes after. */
export function setReady() {
  scroller.setAttribute("aria-busy", "false");
}

export function showMine(item) {
  newestMine = place({ from: "resident", ...item });
  toEnd();
  return newestMine;
}

/** Shows an answer from its beginning: what was asked stays in sight above a long reply. */
export function showReplies(replies) {
  alive = [];
  for (const reply of replies) enliven(place({ from: "desk", ...reply }), reply);
  const end = scroller.scrollHeight - scroller.clientHeight;
  const start = newestMine ? newestMine.offsetTop - MARGIN : end;
  scroller.scrollTop = Math.min(end, start);
  following = nearEnd();
}

/** A push never takes the buttons away from an open question unless it asks something itself. */
export function showPush(item) {
  enliven(place({ from: "desk", ...item }), item);
  if (following) toEnd();
  else newBelow.hidden = false;
}

/** A quiet line from the page itself, not from the desk. */
export function showNote(text) {
  const note = el("p", { className: "note" }, text);
  log.append(note);
  toEnd();
  return note;
}

/** Shown only when the answer takes a moment: an instant answer should not flicker. */
export function setTyping(shown) {
  clearTimeout(typingTimer);
  if (!shown) { typing.hidden = true; return; }
  typingTimer = setTimeout(() => {
    typing.hidden = false;
    keepUp();
  }, TYPING_AFTER_MS);
}

/** What is happening to a bubble on its way: a line below it, with buttons where something can be done. */
export function setStatus(entry, text, buttons = []) {
  let line = entry.querySelector(".status");
  if (line) line.remove();
  entry.classList.toggle("pending", Boolean(text));
  if (!text) return;
  line = el("div", { className: "status" }, el("span", {}, text));
  for (const [label, action] of buttons) {
    const button = el("button", { type: "button" }, label);
    button.addEventListener("click", action);
    line.append(button);
  }
  entry.append(line);
  keepUp();
}

export const resendButtons = (again, drop) => [[words.resend, again], [words.drop, drop]];
