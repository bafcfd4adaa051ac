// Dates as residents read them: always Hangzhou time, whatever the phone is set to.

import { language, words } from "./page.js";

const ZONE = "Asia/Shanghai";
const LOCALE = language === "zh" ? "zh-CN" : "en-GB";
const DAY_MS = 86_400_000;
const QUIET_MS = 15 * 60_000;

const dayKey = new Intl.DateTimeFormat("en-CA", { timeZone: ZONE, year: "numeric", month: "2-digit", day: "2-digit" });
const clock = new Intl.DateTimeFormat(LOCALE, { timeZone: ZONE, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const longDay = new Intl.DateTimeFormat(LOCALE, { timeZone: ZONE, month: "long", day: "numeric", weekday: "long" });
const yearDay = new Intl.DateTimeFormat(LOCALE, { timeZone: ZONE, year: "numeric", month: "long", day: "numeric" });

function dayName(at, now) {
  const day = dayKey.format(at);
  if (day === dayKey.format(now)) return words.today;
  if (day === dayKey.format(now - DAY_MS)) return words.yesterday;
  return (day.slice(0, 4) === dayKey.format(now).slice(0, 4) ? longDay : yearDay).format(at);
}

/** The heading due before something said at `at`: the day when it changes, the hour after a silence, else "". */
export function heading(previous, at, now = new Date()) {
  const sameDay = previous && dayKey.format(previous) === dayKey.format(at);
  if (sameDay && at - previous < QUIET_MS) return "";
  return sameDay ? clock.format(at) : `${dayName(at, now)} ${clock.format(at)}`;
}
