// The chat page: what a resident does here, and what then happens.

import { fill, language, newId, slug, words } from "./page.js";
import { openAbout } from "./about.js";
import * as composer from "./composer.js";
import * as log from "./log.js";
import * as news from "./news.js";
import * as outbox from "./outbox.js";
import { MOST, PhotoRefused, upload } from "./photos.js";
import { whereabouts } from "./whereabouts.js";

const files = document.getElementById("files");
const entries = new Map();

/** Begins the id of the message that makes the desk speak first, which no resident said and no page shows. */
const GREETING = "hello-";

function say(body, shown, entry = null) {
  const message = { id: shown ? newId() : GREETING + newId(), at: new Date().toISOString(), body, shown };
  if (shown) entries.set(message.id, entry || log.showMine({ at: message.at, ...shown }));
  log.retire();
  outbox.post(message);
}

const sayText = (text) => say({ text }, { text });

/** Impatient fingers tap twice; the desk should hear it once. */
function tap(body, label) {
  if (!outbox.carries(body)) say(body, { text: label });
}

function choose(choice, button) {
  // The button is about to be disabled, and must not take the keyboard's place on the page with it.
  if (document.activeElement === button) document.getElementById("scroller").focus({ preventScroll: true });
  tap({ choice: choice.value, label: choice.label }, choice.label);
}

async function sendPlace() {
  const entry = log.showMine({ pin: { text: words.place_sent } });
  log.setStatus(entry, words.place_finding);
  try {
    const spot = await whereabouts();
    log.setStatus(entry, "");
    say({ place: { ...spot, text: "" } }, { pin: { ...spot, text: words.place_sent } }, entry);
  } catch (error) {
    entry.remove();
    log.showNote(words[error.message] || words.place_failed);
  }
}

function sendPhotos(list) {
  const chosen = Array.from(list).slice(0, MOST);
  if (!chosen.length) return;
  if (list.length > MOST) log.showNote(words.photo_many);
  const entry = log.showMine({ images: chosen.map((file) => URL.createObjectURL(file)) });
  uploadAll(chosen, entry);
}

async function uploadAll(chosen, entry) {
  const taken = [];
  const show = (share) => log.setStatus(entry, fill(words.photo_sending, { percent: Math.floor(100 * share) }));
  show(0);
  try {
    for (const file of chosen) {
      taken.push(await upload(file, (share) => show((taken.length + share) / chosen.length)));
    }
  } catch (error) {
    photoFailed(error, chosen, entry);
    return;
  }
  log.setStatus(entry, "");
  say({ media: taken.map((photo) => photo.ref) }, { images: taken.map((photo) => photo.url) }, entry);
}

function photoFailed(error, chosen, entry) {
  const drop = () => entry.remove();
  if (error instanceof PhotoRefused) {
    log.setStatus(entry, error.text || words[error.word], [[words.drop, drop]]);
  } else {
    log.setStatus(entry, words.photo_failed, log.resendButtons(() => uploadAll(chosen, entry), drop));
  }
}

function drop(message) {
  outbox.forget(message.id);
  entries.get(message.id).remove();
  log.setTyping(false);
  log.revive();
}

const onTheWay = {
  sending(message) {
    log.setTyping(true);
    const entry = entries.get(message.id);
    if (entry) log.setStatus(entry, "");
  },
  delayed(message, busy) {
    log.setTyping(false);
    const entry = entries.get(message.id);
    if (!entry) return;
    if (busy) log.setStatus(entry, words.waiting);
    else log.setStatus(entry, words.resending, log.resendButtons(outbox.sendNow, () => drop(message)));
  },
  answered(message, replies) {
    log.setTyping(false);
    log.showReplies(replies);
    const asking = replies.filter((reply) => reply.want).pop();
    composer.expect(asking ? asking.want : null);
  },
  refused(message, error) {
    log.setTyping(false);
    const entry = entries.get(message.id);
    if (!entry) return;
    log.setStatus(entry, error || words.refused);
    entry.classList.add("refused");
    composer.giveBack(message.body.text);
    log.revive();
  },
};

function withoutGreetings(items) {
  return items.filter((item) => item.from === "desk" || !String(item.id).startsWith(GREETING));
}

/** Sends again what an earlier visit could not, unless the desk's own history already holds it. */
function sendLeftovers(leftovers, items) {
  const heard = new Set(items.map((item) => item.id));
  for (const message of leftovers) {
    if (heard.has(message.id)) { outbox.forget(message.id); continue; }
    if (message.shown) entries.set(message.id, log.showMine({ at: message.at, ...message.shown }));
    log.retire();
    outbox.post(message);
  }
}

async function catchUp() {
  // Taken now: by the time the history is here, this visit may have messages of its own on the way.
  const leftovers = outbox.unsent();
  let note = null;
  const { items, last } = await news.readHistory(() => { note = note || log.showNote(words.history_failed); });
  if (note) note.remove();
  const asking = log.showHistory(withoutGreetings(items));
  if (asking) composer.expect(asking.want);
  log.setReady();
  sendLeftovers(leftovers, items);
  if (!items.length && !outbox.unsent().length && !entries.size) say({ text: words.hello }, null);
  outbox.start();
  const offline = document.getElementById("offline");
  news.listen(last, { heard: log.showPush, connected: (yes) => { offline.hidden = yes; } });
}

async function switchLanguage() {
  const other = language === "zh" ? "en" : "zh";
  await fetch(`/api/chat/${slug}/language`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ language: other }),
  });
  location.reload();
}

/** An iPhone's keyboard covers the page instead of shrinking it; pinch zoom must be left alone. */
function followKeyboard() {
  const view = window.visualViewport;
  if (!view) return;
  const fit = () => {
    if (view.scale === 1) document.documentElement.style.setProperty("--seen", `${view.height}px`);
  };
  view.addEventListener("resize", fit);
}

function wire() {
  const pickPhotos = () => files.click();
  log.openLog({ choose, photo: pickPhotos, place: sendPlace });
  outbox.openOutbox(onTheWay);
  composer.openComposer({ say: sayText, photos: sendPhotos });
  openAbout();
  followKeyboard();
  files.addEventListener("change", () => { sendPhotos(files.files); files.value = ""; });
  document.getElementById("photo").addEventListener("click", pickPhotos);
  document.getElementById("place").addEventListener("click", sendPlace);
  document.getElementById("language").addEventListener("click", () => switchLanguage().catch(() => log.showNote(words.offline)));
  for (const starter of document.querySelectorAll("[data-say]")) {
    starter.addEventListener("click", () => tap({ text: starter.dataset.say }, starter.dataset.say));
  }
}

wire();
catchUp();
