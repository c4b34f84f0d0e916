// Small comforts; every page and act works without them.
"use strict";

// A double click sends a form once: its buttons rest until the answer is here.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  // After this turn, or the pressed button's own value would not be sent.
  setTimeout(() => form.querySelectorAll("button").forEach((button) => (button.disabled = true)));
});
// The back button brings pages back as they were left.
window.addEventListener("pageshow", () =>
  document.querySelectorAll("form[data-sent]").forEach((form) => {
    delete form.dataset.sent;
    form.querySelectorAll("button").forEach((button) => (button.disabled = false));
  }),
);

// An id copies on click.
document.addEventListener("click", (event) => {
  const id = event.target.closest("[data-copy]");
  if (!id || !navigator.clipboard || String(window.getSelection())) return;
  navigator.clipboard.writeText(id.dataset.copy).then(() => {
    id.classList.add("copied");
    setTimeout(() => id.classList.remove("copied"), 1200);
  });
});

// A figure on the paper and its place in the document light up together.
function light(target, on) {
  const path = target.dataset?.from ?? target.dataset?.path;
  if (!path) return;
  document.querySelectorAll(`[data-from="${CSS.escape(path)}"], [data-path="${CSS.escape(path)}"]`).forEach((each) => {
    each.classList.toggle("lit", on);
    const box = each.closest(".document");
    if (on && box && target.dataset.from) box.scrollTop = each.offsetTop - box.offsetTop - box.clientHeight / 2;
  });
}
for (const [name, on] of [["mouseover", true], ["mouseout", false]]) {
  document.addEventListener(name, (event) => {
    const marked = event.target.closest?.("[data-from], [data-path]");
    if (marked) light(marked, on);
  });
}

// Printing needs a script, so its button shows only where there are scripts.
document.querySelectorAll("[data-print]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
});
