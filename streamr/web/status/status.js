// Keeps the status page live. The server paints; what has changed is put in place here.

const POLL_MS = 5000;
const byId = (id) => document.getElementById(id);

// --- painting -------------------------------------------------------------------

// Make one element's children like another's, keeping those that are alike: focus,
// transitions and what a screen reader has read stay where they are.
function morph(old, fresh) {
  let mine = old.firstChild;
  for (const theirs of [...fresh.childNodes]) {
    if (!mine) {
      old.append(theirs);
      continue;
    }
    const next = mine.nextSibling;
    if (mine.nodeName !== theirs.nodeName) {
      mine.replaceWith(theirs);
    } else if (mine.nodeType === Node.ELEMENT_NODE) {
      sameAttributes(mine, theirs);
      morph(mine, theirs);
    } else if (mine.nodeValue !== theirs.nodeValue) {
      mine.nodeValue = theirs.nodeValue;
    }
    mine = next;
  }
  while (mine) {
    const next = mine.nextSibling;
    mine.remove();
    mine = next;
  }
}

function sameAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

// Times come in UTC; shown is the visitor's own clock.
function localTimes(root) {
  for (const time of root.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    time.title = at.toISOString();
    time.textContent = "long" in time.dataset
      ? at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" })
      : at.toLocaleTimeString([], { hour12: false });
  }
}

function paint(id, fresh) {
  const element = byId(id);
  if (!element) return;
  localTimes(fresh);
  morph(element, fresh);
  if (id === "glance") {
    document.title = `streamr – ${element.querySelector("h1").textContent}`;
  }
}

function paintAll(parts) {
  for (const [id, html] of Object.entries(parts)) {
    const template = document.createElement("template");
    template.innerHTML = html;
    paint(id, template.content);
  }
}

// --- live -----------------------------------------------------------------------

byId("base").textContent = new URL("3", location.href).href;

let source = null;
let polling = null;

function say(state, words) {
  const live = byId("live");
  live.className = `live ${state}`;
  live.querySelector("b").textContent = words;
}

function listen() {
  source = new EventSource("status/events");
  source.addEventListener("open", () => {
    stopPolling();
    say("on", "live");
  });
  source.addEventListener("paint", (event) => paintAll(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) {
      // refused: there are listeners enough
      polling ??= setInterval(poll, POLL_MS);
      poll();
    } else {
      say("off", "no connection, trying again");
    }
  });
}

function stopPolling() {
  clearInterval(polling);
  polling = null;
}

async function poll() {
  try {
    const answer = await fetch("./", { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["glance", "figures", "map", "routes", "charts", "cache", "pictures",
      "fleet", "door", "faults"]) {
      paint(id, page.getElementById(id));
    }
    say("on", `every ${POLL_MS / 1000} s`);
  } catch {
    say("off", "no connection, trying again");
  }
}

// A browser has six connections to a server: a page that nobody sees leaves its own.
document.addEventListener("visibilitychange", () => {
  source?.close();
  stopPolling();
  if (!document.hidden) listen();
});

localTimes(document);
listen();
