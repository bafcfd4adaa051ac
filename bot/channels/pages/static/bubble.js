// One thing said, by the resident or by the desk, as an element.

import { el, icon, safeUrl, words } from "./page.js";
import { richText } from "./rich-text.js";

const DANGER = /^⚠\ufe0f?\s*/;

/** A label's width in half-width cells: a Chinese character takes two. */
const cells = (label) => Array.from(label).reduce((sum, letter) => sum + (letter > "\u2e7f" ? 2 : 1), 0);

/** A few short words stand side by side; a whole menu is easier to read in even columns; sentences get a row each. */
function layout(choices) {
  const widest = Math.max(...choices.map((choice) => cells(choice.label)));
  const many = choices.length > 5;
  if (widest <= 8) return many ? "narrow" : "short";
  return widest <= (many ? 24 : 15) ? "medium" : "long";
}

const opensForEver = (choice) => choice.value.startsWith("/");

function choiceButton(choice, act) {
  const button = el("button", { type: "button", className: "choice" }, choice.label);
  if (opensForEver(choice)) button.dataset.always = "";
  button.addEventListener("click", () => act.choose(choice, button));
  return button;
}

const WANTED = {
  photo: { icon: "camera", word: "photo_wanted" },
  place: { icon: "spot", word: "place" },
};

function wantButton(want, act) {
  const wanted = WANTED[want];
  const button = el("button", { type: "button", className: "wanted" }, icon(wanted.icon), el("span", {}, words[wanted.word]));
  button.addEventListener("click", act[want]);
  return button;
}

/** What may be done about a reply; it is alive only while the reply is the newest. */
function actions(item, act) {
  const choices = item.choices || [];
  const parts = [];
  if (item.want in WANTED) parts.push(wantButton(item.want, act));
  if (choices.length) {
    parts.push(el("div", { className: `choices ${layout(choices)}` }, ...choices.map((choice) => choiceButton(choice, act))));
  }
  return parts;
}

function picture(address, from) {
  const url = address.startsWith("blob:") ? address : safeUrl(address);
  const image = el("img", { src: url || "", alt: from === "desk" ? words.photo_from_desk : words.photo_from_me, loading: "lazy" });
  if (address.startsWith("blob:")) return el("span", { className: "picture" }, image);
  return el("a", { className: "picture", href: url, target: "_blank", rel: "noopener", title: words.open_photo }, image);
}

/** Amap is what opens on a phone in Hangzhou; it is told the pin is WGS-84 and shifts it itself. */
function mapLink(pin, name) {
  return `https://uri.amap.com/marker?position=${Number(pin.lon)},${Number(pin.lat)}&name=${encodeURIComponent(name)}&coordinate=wgs84&callnative=1`;
}

function pinCard(pin, from) {
  const name = pin.text || words.place_sent;
  const label = [icon("spot"), el("span", {}, el("strong", {}, name))];
  if (typeof pin.lat !== "number" || from !== "desk") return el("div", { className: "slip" }, ...label);
  label[1].append(el("small", {}, words.open_map));
  return el("a", { className: "slip", href: mapLink(pin, name), target: "_blank", rel: "noopener noreferrer" }, ...label);
}

function fileCard(file) {
  const url = safeUrl(file.url);
  return url && el("a", { className: "slip", href: url, download: "" }, icon("file"), el("span", {}, el("strong", {}, file.name)));
}

function textPart(item, dangerous) {
  const text = item.text || "";
  if (item.from !== "desk") return text && el("p", {}, text);
  const lines = richText(dangerous ? text.replace(DANGER, "") : text);
  const mark = dangerous ? [icon("alert"), el("span", { className: "unseen" }, words.danger)] : [];
  return text && el("p", {}, ...mark, ...lines);
}

/** The bubble of `item` (an item of the history, or a reply with from "desk"). `act` does what its buttons ask. */
export function bubble(item, act) {
  const mine = item.from !== "desk";
  const dangerous = !mine && DANGER.test(item.text || "");
  const images = item.images || (item.image ? [item.image] : []);
  const parts = [
    el("span", { className: "unseen" }, `${mine ? words.me : words.desk}: `),
    images.length ? el("div", { className: "pictures" }, ...images.map((image) => picture(image, item.from))) : null,
    textPart(item, dangerous),
    item.pin ? pinCard(item.pin, item.from) : null,
    item.file ? fileCard(item.file) : null,
  ];
  const bare = images.length > 0 && !item.text && !item.pin && !item.file;
  const inside = el("div", { className: `bubble${dangerous ? " danger" : ""}${bare ? " bare" : ""}` }, ...parts.filter(Boolean));
  return el("div", { className: `entry ${mine ? "mine" : "desk"}` }, inside, ...(mine ? [] : actions(item, act)));
}

/** Whether anything under this reply dies when the talk moves on. */
export function asks(item) {
  return Boolean(item.want) || (item.choices || []).some((choice) => !opensForEver(choice));
}

export function setAlive(entry, alive) {
  entry.classList.toggle("spent", !alive);
  for (const button of entry.querySelectorAll(".choice")) {
    const usable = alive || "always" in button.dataset;
    button.disabled = !usable;
    button.title = usable ? "" : words.stale;
  }
  for (const button of entry.querySelectorAll(".wanted")) button.hidden = !alive;
}
