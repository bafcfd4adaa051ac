// The community's own page beside the chat: a column on a desk, a sheet over the talk on a phone.

const about = document.getElementById("about");
const talk = document.getElementById("talk");
const opener = document.getElementById("about-open");
const closer = document.getElementById("about-close");
const wide = matchMedia("(min-width: 960px)");

function setOpen(open) {
  about.classList.toggle("open", open);
  talk.inert = open;
  opener.setAttribute("aria-expanded", String(open));
}

function close() {
  if (!about.classList.contains("open")) return;
  setOpen(false);
  opener.focus({ preventScroll: true });
}

export function openAbout() {
  opener.addEventListener("click", () => {
    if (about.classList.contains("open")) { close(); return; }
    setOpen(true);
    closer.focus({ preventScroll: true });
  });
  closer.addEventListener("click", close);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  // A tapped starter is said in the talk, so the sheet makes way for it.
  about.addEventListener("click", (event) => { if (event.target.closest("[data-say]")) close(); });

  // On a desk the column is always there: its opener is then a plain title.
  const fit = () => { setOpen(false); opener.disabled = wide.matches; };
  wide.addEventListener("change", fit);
  fit();
}
