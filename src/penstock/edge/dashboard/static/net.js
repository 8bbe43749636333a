// What is asked of the gateway: JSON, and the live stream. The session is a cookie that scripts cannot read.

export class Problem extends Error {
  constructor(message, status, code) { super(message); this.status = status; this.code = code; }
  get missing() { return this.status === 404 && /not installed/.test(this.message); }
}

const OWN = { "x-penstock-ui": "1" };
let onLoggedOut = () => {};
export const whenLoggedOut = (act) => { onLoggedOut = act; };

export async function ask(path, { method = "GET", body, signal } = {}) {
  const headers = body === undefined ? OWN : { ...OWN, "content-type": "application/json" };
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal, credentials: "same-origin", cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("the gateway does not answer", 0, "unreachable");
  }
  let value = null;
  try { value = await answer.json(); } catch { /* told below */ }
  if (answer.ok && value !== null) return value;
  const error = value && value.error ? value.error : {};
  const said = error.message || (value && value.problems ? value.problems.join("; ") : "the gateway answered " + answer.status);
  const problem = new Problem(said.replace(/ \(request id: [^)]*\)$/, ""), answer.status, error.code || "");
  if (answer.status === 401 && path !== "/ui/session") onLoggedOut(problem.message);
  throw problem;
}

const QUIET_SECONDS = 4;
const HIDDEN_SECONDS = 60;

// The live stream. `show(value)` is called each second; `state("live" | "stale" | "resting", seconds)` when that changes. It is
// opened again by itself, sooner or later the longer it fails, and rests while nobody looks at the page.
export class Live {
  constructor(show, state) {
    this.show = show; this.state = state; this.fails = 0; this.ended = false; this.last = 0; this.stop = null; this.timer = 0; this.hidden = 0;
    this.watch = setInterval(() => this.look(), 1000);
    this.visible = () => {
      clearTimeout(this.hidden);
      if (document.hidden) this.hidden = setTimeout(() => { this.rest(); this.state("resting"); }, HIDDEN_SECONDS * 1000);
      else if (!this.stop && !this.timer) this.open();
    };
    document.addEventListener("visibilitychange", this.visible);
    this.open();
  }

  look() {
    if (this.last && !document.hidden) {
      const quiet = (performance.now() - this.last) / 1000;
      if (quiet > QUIET_SECONDS) this.state("stale", Math.round(quiet));
    }
  }

  async open() {
    clearTimeout(this.timer);
    this.timer = 0;
    const stop = this.stop = new AbortController();
    let again = false;
    try {
      const answer = await fetch("/admin/v1/live", { headers: OWN, signal: stop.signal, credentials: "same-origin", cache: "no-store" });
      if (answer.status === 401) { this.end(); onLoggedOut("the session is over"); return; }
      if (!answer.ok) throw new Problem("no live stream", answer.status, "");
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let held = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        held += value;
        for (let end; (end = held.indexOf("\n\n")) >= 0; held = held.slice(end + 2)) again = this.take(held.slice(0, end)) || again;
      }
    } catch { /* below */ }
    if (this.stop !== stop) return;
    this.stop = null;
    if (this.ended) return;
    const wait = again ? 0.2 : Math.min(15, 0.5 * 2 ** this.fails++) * (0.7 + 0.6 * Math.random());
    this.timer = setTimeout(() => this.open(), wait * 1000);
  }

  // Whether the gateway asks to come again.
  take(event) {
    if (event.startsWith("event: again")) return true;
    const data = event.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
    if (!data) return false;
    this.fails = 0;
    this.last = performance.now();
    this.state("live");
    this.show(JSON.parse(data));
    return false;
  }

  rest() {
    clearTimeout(this.timer);
    this.timer = 0;
    const stop = this.stop;
    this.stop = null;
    if (stop) stop.abort();
  }

  end() {
    this.ended = true;
    clearInterval(this.watch);
    clearTimeout(this.hidden);
    document.removeEventListener("visibilitychange", this.visible);
    this.rest();
  }
}
