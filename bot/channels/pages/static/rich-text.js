// Desk text with its links and phone numbers made tappable.

import { el } from "./page.js";

// No look-behind anywhere: older iPhones refuse the whole script over it, so edges are checked by hand below.
const LINK = /https?:\/\/[\x21-\x7e]+/g;
const NUMBER = /(?:\+86[ -]?)?1[3-9]\d(?:[ -]?\d{4}){2}|0\d{2,3}[- ]?(?:\d{3,4}[- ]?\d{4}|96\d{3}|12345)|400[- ]?\d{3}[- ]?\d{4}|12345|96\d{3}|1(?:10|19|20|22)/g;
const TRAILING = /[.,;:!?'")\]}>]+$/;
const CALLING = /拨|打|电话|热线|call|dial|phone|ring/i;
const UNIT = /^\s*(?:元|块|分|号|人|户|米|平|幢|栋|室|次|yuan|people|m\b|min)/i;

/** "120" is an ambulance in "请拨打 120" and a price in "120 元". */
function isNumberToCall(text, match) {
  const before = text[match.index - 1] || "";
  const after = text.slice(match.index + match[0].length);
  if (/[\w-]/.test(before) || /^[\w]|^-\d/.test(after)) return false;
  if (match[0].length > 5) return true;
  const sentence = text.slice(0, match.index).split(/[。！？.!?\n]/).pop() + after.split(/[。！？.!?\n]/)[0];
  return !UNIT.test(after) && (match[0] === "12345" || CALLING.test(sentence));
}

function linkNode(address) {
  return el("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, address);
}

function phoneNode(number) {
  return el("a", { href: `tel:${number.replace(/[ -]/g, "")}` }, number);
}

function withPhones(text) {
  const nodes = [];
  let done = 0;
  for (const match of text.matchAll(NUMBER)) {
    if (!isNumberToCall(text, match)) continue;
    nodes.push(text.slice(done, match.index), phoneNode(match[0]));
    done = match.index + match[0].length;
  }
  return [...nodes, text.slice(done)];
}

/** The text as nodes: strings, links and phone links. Line breaks are kept by the style sheet. */
export function richText(text) {
  const nodes = [];
  let done = 0;
  for (const match of text.matchAll(LINK)) {
    const address = match[0].replace(TRAILING, "");
    nodes.push(...withPhones(text.slice(done, match.index)), linkNode(address));
    done = match.index + address.length;
  }
  return [...nodes, ...withPhones(text.slice(done))];
}
