// Keeps the status page live. The server paints; what has changed is put in place here.
"use strict";

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

let source = null;
let polling = null;

function say(state, words) {
  const live = byId("live");
  live.className = `live ${state}`;
  live.querySelector("b").textContent = words;
}

function listen() {
  source = new EventSource("/status/events");
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
    const answer = await fetch("/", { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["glance", "figures", "map", "ways", "charts", "cache", "faults"]) {
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

// --- the demo: break it, and watch the films ------------------------------------

const FILMS = 20;
const EVERY_MS = 420;
const CAREFUL = 12;
const LISTS = [
  "/api/tmdb/trending?media_type=movie",
  "/api/tmdb/popular?media_type=movie",
  "/api/tmdb/trending?media_type=tv",
  "/api/tmdb/top-rated?media_type=movie",
];
// Each round asks for other extras, so that it is a new question for TMDB.
const EXTRAS = ["credits", "videos", "images", "keywords", "similar",
  "recommendations", "translations", "external_ids"];
const score = { direct: 0, proxy: 0, cache: 0, error: 0 };

function from(answer) {
  if (!answer.ok) return "error";
  if (/(^|;)\s*hit/.test(answer.headers.get("Cache-Status") ?? "")) return "cache";
  return answer.headers.has("X-Proxy-Source") ? "proxy" : "direct";
}

async function ask(path) {
  const began = performance.now();
  let answer = null;
  try {
    answer = await fetch(path, { cache: "no-store" });
  } catch {
    // no connection to streamr itself
  }
  const body = answer?.ok ? await answer.json() : null;
  const told = {
    from: answer ? from(answer) : "error",
    ms: Math.round(performance.now() - began),
    status: answer?.status ?? 0,
    body,
  };
  score[told.from] += 1;
  return told;
}

function tile(film) {
  const item = document.createElement("li");
  const image = document.createElement("img");
  const badge = document.createElement("p");
  const key = document.createElement("span");
  const text = document.createElement("span");
  const ms = document.createElement("span");
  image.src = `/demo/posters${film.poster_path}`;
  image.alt = film.title ?? film.name;
  image.title = image.alt;
  image.width = 100;
  image.height = 150;
  key.setAttribute("aria-hidden", "true");
  ms.className = "ms";
  badge.append(key, text, ms);
  item.append(image, badge);
  return item;
}

function mark(item, told) {
  item.className = `film fresh ${told.from}`;
  const [key, text, ms] = item.querySelector("p").children;
  key.className = `key ${told.from}`;
  text.textContent = told.from === "error" ? `error ${told.status || ""}` : told.from;
  ms.textContent = `${told.ms} ms`;
  setTimeout(() => item.classList.remove("fresh"), 250);
}

function tellScore() {
  const good = score.direct + score.proxy + score.cache;
  byId("score").textContent = `${good} answers since you came: ${score.direct} direct, `
    + `${score.proxy} by the proxy, ${score.cache} from the cache; ${score.error} errors.`;
}

function extras(round) {
  return EXTRAS.filter((_, bit) => (round >> bit) & 1).join(",");
}

async function films() {
  const found = new Map();
  for (const list of LISTS) {
    const told = await ask(list);
    for (const film of told.body?.results ?? []) {
      const kind = film.title === undefined ? "tv" : "movie";
      if (film.poster_path && found.size < FILMS) {
        found.set(`/api/tmdb/${kind}/${film.id}`, [film, told]);
      }
    }
  }
  return found;
}

// One film after another: first a question that TMDB has not heard; if that fails, what
// any careful app asks next, the plain one, which streamr has kept, and for a while it
// asks nothing else.
async function wall() {
  let found = await films();
  while (!found.size) {
    await new Promise((done) => setTimeout(done, POLL_MS));
    found = await films();
  }
  const tiles = [];
  for (const [path, [film, told]] of found) {
    const item = tile(film);
    byId("wall").append(item);
    mark(item, told);
    tiles.push([path, item]);
  }
  tellScore();
  let careful = 0;
  for (let turn = 0; ; turn += 1) {
    await new Promise((done) => setTimeout(done, EVERY_MS));
    if (document.hidden) continue;
    const [path, item] = tiles[turn % tiles.length];
    const wanted = careful > 0 ? "" : extras(Math.floor(turn / tiles.length));
    careful -= 1;
    let told = await ask(wanted ? `${path}?append_to_response=${wanted}` : path);
    if (told.from === "error" && wanted) {
      careful = CAREFUL;
      mark(item, told);
      told = await ask(path);
    }
    mark(item, told);
    tellScore();
  }
}

function showFaults(state) {
  const faults = Object.values(state.hosts).map((host) => host.fault);
  for (const button of document.querySelectorAll("button.break")) {
    const { host, fault } = button.dataset;
    const pressed = host === "*"
      ? faults.every((each) => each === fault)
      : state.hosts[host]?.fault === fault && !faults.every((each) => each === fault);
    button.setAttribute("aria-pressed", String(pressed));
  }
}

async function act(button) {
  const said = byId("acted");
  const heal = button.getAttribute("aria-pressed") !== "false";  // or pressed again
  try {
    let answer = await fetch("/demo/heal", { method: "POST" });
    if (!heal) answer = await fetch(button.form.getAttribute("action"), { method: "POST" });
    if (!answer.ok) throw new Error((await answer.json()).error);
    showFaults(await answer.json());
    said.textContent = heal ? "Healed: all is well again, and soon noticed."
      : `Broken: ${button.title}.`;
  } catch (error) {
    said.textContent = `That did not work: ${error.message}`;
  }
}

function demo() {
  for (const form of document.querySelectorAll(".buttons form")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      act(form.querySelector("button"));
    });
  }
  fetch("/demo/state").then((answer) => answer.json()).then(showFaults);
  wall();
}

localTimes(document);
listen();
if (byId("wall")) demo();
