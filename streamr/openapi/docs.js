// Conveniences of /docs; the page is whole without them.
"use strict";

const label = document.getElementById("find");
const box = label.querySelector("input");
const found = document.getElementById("found");
const entries = [...document.querySelectorAll("details")];
const sections = [...document.querySelectorAll("section.tag")];

function filter() {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const entry of entries) {
    entry.hidden = !words.every((word) => entry.dataset.words.includes(word));
    if (!entry.hidden) count += 1;
  }
  for (const section of sections) {
    section.hidden = !section.querySelector("details:not([hidden])");
  }
  found.textContent = words.length ? `${count} of ${entries.length} endpoints` : "";
}

function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) target.open = true;
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
openTarget();
filter();

// The examples ask the server that this page came from, below the same path.
const here = new URL(".", location.href).href.replace(/\/$/, "");
for (const code of document.querySelectorAll("pre code")) {
  code.textContent = code.textContent.replace(/http:\/\/[^/]+/, here);
}
