// The demo's part of the status page: buttons that break things, and a wall of films
// that keeps asking while they do.

const FILMS = 20;
// One question at a time, about as many as a small site's visitors have.
const EVERY_MS = 420;
// After an error so many questions are ones that streamr has an answer to.
const CAREFUL = 12;
// How soon the lists are asked for again when none came.
const AGAIN_MS = 5000;
const LISTS = [
  "api/tmdb/trending?media_type=movie",
  "api/tmdb/popular?media_type=movie",
  "api/tmdb/trending?media_type=tv",
  "api/tmdb/top-rated?media_type=movie",
];
// Each round asks for other extras, so that it is a new question for TMDB; where they
// begin differs for each visitor, and the first round asks for none.
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
  image.src = `t/p/w154${film.poster_path}`;
  // an image that was not to be had is asked for again
  image.addEventListener("error", () => setTimeout(() => {
    image.src = `t/p/w154${film.poster_path}`;
  }, AGAIN_MS));
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
  ms.textContent = told.ms < 1000 ? `${told.ms} ms` : `${(told.ms / 1000).toFixed(1)} s`;
  setTimeout(() => item.classList.remove("fresh"), 250);
}

function tellScore() {
  const good = score.direct + score.proxy + score.cache;
  document.getElementById("score").textContent = `${good} answers since you opened this page: `
    + `${score.direct} direct, ${score.proxy} by the proxy, ${score.cache} from the `
    + `cache; ${score.error} errors.`;
}

const begin = Math.floor(Math.random() * 2 ** EXTRAS.length);

function extras(round) {
  return round ? EXTRAS.filter((_, bit) => ((begin + round) >> bit) & 1).join(",") : "";
}

// The first films of every list, by the path of their details, and how they came.
async function films() {
  const ranked = [];
  for (const list of LISTS) {
    const told = await ask(list);
    (told.body?.results ?? []).forEach((film, rank) => ranked.push([rank, film, told]));
  }
  ranked.sort(([first], [second]) => first - second);
  const found = new Map();
  for (const [, film, told] of ranked) {
    const kind = film.title === undefined ? "tv" : "movie";
    if (film.poster_path && found.size < FILMS) {
      found.set(`api/tmdb/${kind}/${film.id}`, [film, told]);
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
    await new Promise((done) => setTimeout(done, AGAIN_MS));
    found = await films();
  }
  const tiles = [];
  for (const [path, [film, told]] of found) {
    const item = tile(film);
    document.getElementById("wall").append(item);
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
    if (pressed) document.getElementById("acted").textContent = `Broken: ${button.title}.`;
  }
}

async function act(button) {
  const said = document.getElementById("acted");
  const heal = button.getAttribute("aria-pressed") !== "false";  // or pressed again
  try {
    let answer = await fetch("demo/heal", { method: "POST" });
    if (!heal) answer = await fetch(button.form.getAttribute("action"), { method: "POST" });
    if (!answer.ok) throw new Error((await answer.json()).error);
    showFaults(await answer.json());
    if (heal) said.textContent = "Repaired: every fault is removed, and streamr will soon notice.";
  } catch (error) {
    said.textContent = `That did not work: ${error.message}`;
  }
}

for (const form of document.querySelectorAll(".buttons form")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act(form.querySelector("button"));
  });
}
fetch("demo/state").then((answer) => answer.json()).then(showFaults);
wall();
