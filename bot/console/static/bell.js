// The sound of something urgent: three short double notes, made here so that no file has to be fetched.

const KEY = "linlifang:sound";
const NOTES = [[0, 880], [0.18, 660], [0.5, 880], [0.68, 660], [1, 880], [1.18, 660]]; // seconds, hertz
const LENGTH = 0.15;

let context = null;
let on = recall() !== "off";

function recall() {
  try { return localStorage.getItem(KEY); } catch { return null; }
}

function remember(value) {
  try { localStorage.setItem(KEY, value); } catch { /* kept for this visit only */ }
}

// A browser lets a page sound only after somebody has touched it.
function wake() {
  context = context || new AudioContext();
  if (context.state === "suspended") context.resume();
}

function note(start, hertz) {
  const tone = context.createOscillator();
  const volume = context.createGain();
  const at = context.currentTime + start;
  tone.frequency.value = hertz;
  volume.gain.setValueAtTime(0, at);
  volume.gain.linearRampToValueAtTime(0.3, at + 0.02);
  volume.gain.linearRampToValueAtTime(0, at + LENGTH);
  tone.connect(volume).connect(context.destination);
  tone.start(at);
  tone.stop(at + LENGTH);
}

export function ring() {
  document.body.dataset.rang = String(Number(document.body.dataset.rang || 0) + 1);
  if (!on || !context || context.state !== "running") return;
  for (const [start, hertz] of NOTES) note(start, hertz);
}

/** Let a button say whether there is sound, and change it. */
export function sounding(button) {
  const tell = () => {
    button.setAttribute("aria-pressed", String(on));
    button.setAttribute("aria-label", on ? button.dataset.on : button.dataset.off);
  };
  button.addEventListener("click", () => {
    on = !on;
    remember(on ? "on" : "off");
    tell();
    if (on) { wake(); ring(); }
  });
  document.addEventListener("pointerdown", wake, { once: true });
  document.addEventListener("keydown", wake, { once: true });
  tell();
}
