// The frame: who is logged in, which view is shown, what is live, which theme.

import { fill, h } from "./dom.js";
import { ask, Live, Problem, whenLoggedOut } from "./net.js";
import { batches, memory, streams } from "./flow.js";
import { cache } from "./cache.js";
import { calls } from "./calls.js";
import { config, keys } from "./admin.js";
import { cost } from "./cost.js";
import { experiments } from "./experiments.js";
import { findings } from "./findings.js";
import { glance, remember } from "./glance.js";
import { scaling } from "./scaling.js";
import { traffic } from "./traffic.js";
import { upstreams } from "./upstreams.js";

const VIEWS = [glance, traffic, upstreams, scaling, calls, findings, cost, cache, streams, batches, memory, experiments, keys, config];
const byId = (id) => document.getElementById(id);
const main = byId("main"), nav = byId("nav"), said = byId("said"), link = byId("link");
const EVERY = 5000;
const OVER_TIME = new Set(["history", "cost", "anomalies", "bottlenecks", "recommendations", "alerts", "experiments", "objectives", "report", "quality", "scaling", "forecast"]);

let shown = null; // the view on the page: {view, stop, live}
let live = null;
let newest = null;
let first = null; // a promise of the first live value
let came = () => {};

// ---- theme

const THEMES = ["system", "light", "dark"];
const saved = () => document.documentElement.dataset.theme || "system";
function theme(next) {
  if (next === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  try { localStorage.setItem("penstock-theme", next); } catch { /* storage is off */ }
  byId("theme").textContent = "Theme: " + next;
}
byId("theme").addEventListener("click", () => theme(THEMES[(THEMES.indexOf(saved()) + 1) % 3]));
theme(saved());

const announce = (words) => { if (said.textContent !== words) said.textContent = words; };

// ---- views

class Context {
  constructor() { this.stopping = new AbortController(); this.timers = []; this.heard = () => {}; }
  get = async (path) => {
    // What is not installed is not asked for: the live stream has told.
    const part = /^\/admin\/v1\/(\w+)/.exec(path)[1];
    if (OVER_TIME.has(part) && !(await first).parts.includes(part)) throw new Problem(`${part} is not installed here`, 404, "not_found");
    return ask(path, { signal: this.stopping.signal });
  };
  send = (path, method, body) => ask(path, { method, body, signal: this.stopping.signal });
  get newest() { return newest; }
  announce = announce;
  // Show what `load` gives in `place`, now and every few seconds; an error takes its place, in words.
  every(place, load, seconds = EVERY / 1000) {
    const turn = async () => {
      try {
        const made = await load();
        if (!this.stopping.signal.aborted && made) fill(place, made);
      } catch (error) {
        if (error.name !== "AbortError" && !this.stopping.signal.aborted) fill(place, trouble(error));
      }
      if (!this.stopping.signal.aborted && seconds) this.timers.push(setTimeout(() => document.hidden ? again() : turn(), seconds * 1000));
    };
    const again = () => this.timers.push(setTimeout(() => document.hidden ? again() : turn(), seconds * 1000));
    place.append(h("p", { class: "wait" }, "Loading…"));
    return turn();
  }
  stop() { this.stopping.abort(); this.timers.forEach(clearTimeout); }
}

function trouble(error) {
  if (error.missing) return h("p", { class: "card empty", "data-missing": "" }, "This part is not installed here.");
  if (error.status === undefined) console.error(error);
  return h("p", { class: "card error", role: "alert" }, "This could not be shown: ", h("bdi", null, error.message));
}

function route() {
  if (!live) return;
  const name = location.hash.slice(2).split("/")[0];
  const view = VIEWS.find((one) => one.path === name) || glance;
  const rest = decodeURIComponent(location.hash.slice(2).split("/").slice(1).join("/"));
  if (shown) shown.context.stop();
  const context = new Context();
  shown = { view, context };
  for (const a of nav.querySelectorAll("a")) {
    if (a.dataset.view === view.path) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
  document.title = view.title + " · Penstock";
  const body = h("div", { id: "view", "data-view": view.path });
  main.replaceChildren(h("h1", { id: "title", tabindex: "-1" }, view.title), body,
    h("p", { class: "twin" }, "The same as JSON: ", view.json.map((path, at) => [at ? ", " : "", h("code", null, path)])));
  view.mount(body, context, rest);
  if (newest) context.heard(newest);
}

// ---- live

function mark(state, quiet) {
  link.hidden = false;
  const words = state === "live" ? "live" : state === "resting" ? "paused while hidden" : `stale: nothing heard for ${quiet} s`;
  if (link.dataset.state !== state) announce(state === "stale" ? "The connection to the gateway is lost; what is shown is old." : state === "live" && link.dataset.state === "stale" ? "Connected again." : said.textContent);
  link.dataset.state = state;
  link.className = "link " + state;
  link.textContent = words;
}

function begin(who) {
  nav.hidden = false;
  fill(nav, h("ul", null, VIEWS.map((view) => h("li", null, h("a", { href: "#/" + view.path, "data-view": view.path, "data-key": "nav " + view.path }, view.title)))));
  byId("logout").hidden = who.mode === "open";
  first = new Promise((take) => { came = take; });
  live = new Live((value) => { newest = value; came(value); remember(value); if (shown) shown.context.heard(value); }, mark);
  route();
}

function end(words) {
  if (live) live.end();
  if (shown) shown.context.stop();
  live = shown = newest = null;
  nav.hidden = link.hidden = byId("logout").hidden = true;
  logIn(words);
}

// ---- log-in

function logIn(words = "") {
  document.title = "Log in · Penstock";
  const told = h("p", { class: "error", role: "alert", id: "why" }, words);
  const field = h("input", { id: "key", type: "password", name: "key", autocomplete: "current-password", required: true, maxlength: 512, spellcheck: "false", "aria-describedby": "why" });
  const button = h("button", { type: "submit" }, "Log in");
  main.replaceChildren(h("form", { class: "card login", "aria-labelledby": "title", onsubmit: async (event) => {
    event.preventDefault();
    button.disabled = true;
    try { await open({ key: field.value }); } catch (error) { told.textContent = error.message; field.focus(); } finally { button.disabled = false; field.value = ""; }
  } },
  h("h1", { id: "title" }, "Log in"),
  h("p", { class: "lead" }, "With a key that has the right “admin”. On the gateway's machine, “penstock ui” prints a link that needs no key."),
  h("input", { type: "text", name: "username", autocomplete: "username", value: "penstock", hidden: true, "aria-label": "User" }), h("label", { for: "key" }, "Key"), field, told, button));
  field.focus();
}

async function open(what) {
  begin({ mode: "keys", ...(await ask("/ui/session", { method: "POST", body: what })) });
}

byId("logout").addEventListener("click", async () => {
  try { await ask("/ui/session", { method: "DELETE" }); end("You are logged out."); } catch (error) { announce("Could not log out: " + error.message); }
});
whenLoggedOut((words) => end(words));
addEventListener("hashchange", () => { route(); const title = byId("title"); if (title) title.focus(); });
document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });

(async () => {
  const token = location.pathname === "/ui/login" ? location.hash.slice(1) : "";
  if (location.pathname !== "/ui") history.replaceState(null, "", "/ui"); // the link is used up: nothing of it stays
  try {
    if (token) return await open({ link: token });
    const who = await ask("/ui/session");
    if (who.by) begin(who); else logIn();
  } catch (error) { logIn(error.message); }
})();
