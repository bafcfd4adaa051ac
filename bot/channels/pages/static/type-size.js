// Large type, remembered. A classic script in <head>, so that a page never flashes small before it grows.
(() => {
  const KEY = "linlifang:type";
  const root = document.documentElement;

  // Private windows and locked-down phones may refuse storage; the toggle still works for the visit.
  const recall = () => { try { return localStorage.getItem(KEY); } catch { return null; } };
  const remember = (size) => { try { localStorage.setItem(KEY, size); } catch { /* kept for this visit only */ } };

  function apply(size) {
    root.dataset.type = size;
    for (const button of document.querySelectorAll("[data-type-size]")) {
      button.setAttribute("aria-pressed", String(size === "large"));
    }
  }

  apply(recall() === "large" ? "large" : "normal");
  document.addEventListener("DOMContentLoaded", () => {
    apply(root.dataset.type);
    for (const button of document.querySelectorAll("[data-type-size]")) {
      button.addEventListener("click", () => {
        const size = root.dataset.type === "large" ? "normal" : "large";
        remember(size);
        apply(size);
      });
    }
  });
})();
