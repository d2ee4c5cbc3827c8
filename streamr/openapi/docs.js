// Conveniences of /docs; the page is whole without them.
"use strict";

const label = document.getElementById("find");
const box = label.querySelector("input");
const found = document.getElementById("found");
const entries = [...document.querySelectorAll("details.operation")];
const chapters = [...document.querySelectorAll("section.chapter > details")];
const parts = [...document.querySelectorAll("details.part")];
// Where there is room everything is open but the operations; docs.css has the same width.
const wide = matchMedia("(min-width: 40rem)");

function unfold() {
  for (const each of [...chapters, ...parts]) each.open = wide.matches;
}

function filter() {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const entry of entries) {
    entry.hidden = !words.every((word) => entry.dataset.words.includes(word));
    if (!entry.hidden) count += 1;
  }
  for (const chapter of chapters) {
    const section = chapter.parentElement;
    if (!section.classList.contains("tag")) continue;
    section.hidden = !section.querySelector("details.operation:not([hidden])");
    chapter.open = wide.matches || words.length > 0;
  }
  found.textContent = words.length ? `${count} of ${entries.length} endpoints` : "";
}

// What a link leads to is opened, with all that it is in.
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  const own = target.matches("section.chapter") ? target.firstElementChild : target;
  for (let each = own; each; each = each.parentElement) {
    if (each instanceof HTMLDetailsElement) each.open = true;
  }
  target.scrollIntoView();
}

label.hidden = false;
box.addEventListener("input", filter);
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== box) {
    event.preventDefault();
    box.focus();
  }
});
addEventListener("hashchange", openTarget);
// the same link once more changes no hash
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='#']");
  if (link && link.hash === location.hash) openTarget();
});
wide.addEventListener("change", unfold);
unfold();
filter();
openTarget();

// The examples ask the server that this page came from, below the same path.
const here = new URL(".", location.href).href.replace(/\/$/, "");
for (const code of document.querySelectorAll("pre code")) {
  code.textContent = code.textContent.replace(/http:\/\/[^/]+/, here);
}
