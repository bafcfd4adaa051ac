// Where the resident writes. What is typed survives a reload.

import { shelf, words } from "./page.js";

const form = document.getElementById("composer");
const field = document.getElementById("words");
const DRAFT = "draft";

function grow() {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
}

function keep() {
  if (field.value) shelf.put(DRAFT, field.value);
  else shelf.remove(DRAFT);
}

function write(text) {
  field.value = text;
  grow();
  keep();
}

/** keyCode 229: some Android and older Safari keyboards end a composition before saying so. */
const isSendKey = (event) =>
  event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229;

/** Calls `say(text)` for each message written, `photos(files)` for pictures pasted. */
export function openComposer({ say, photos }) {
  const submit = () => {
    const text = field.value.trim();
    if (!text) return field.focus();
    write("");
    return say(text);
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  field.addEventListener("keydown", (event) => {
    if (!isSendKey(event)) return;
    event.preventDefault();
    submit();
  });
  field.addEventListener("input", () => { grow(); keep(); });
  field.addEventListener("paste", (event) => {
    const files = Array.from(event.clipboardData ? event.clipboardData.files : []);
    if (files.length) { event.preventDefault(); photos(files); }
  });
  // The toggle changes the letter size after the height was set.
  new MutationObserver(grow).observe(document.documentElement, { attributeFilter: ["data-type"] });
  write(shelf.get(DRAFT) || "");
  // A touch screen would answer focus with a keyboard over half the conversation.
  if (matchMedia("(hover: hover) and (pointer: fine)").matches) field.focus({ preventScroll: true });
}

/** Which keyboard the next answer needs. */
export function expect(want) {
  const phone = want === "phone";
  field.inputMode = phone ? "tel" : "text";
  field.autocomplete = phone ? "tel" : "off";
  field.placeholder = phone ? words.composer_phone : words.composer_placeholder;
}

/** Gives refused words back, unless something newer has been typed. */
export function giveBack(text) {
  if (text && !field.value) write(text);
}
