// The last calls, one found by its request id, and where its time went.

import { waterfall } from "./chart.js";
import { chip, clock, dollars, fill, h, moment, number, seconds, table, text } from "./dom.js";

const MOST = 50;
const outcome = (row) => row.error ? chip(`${row.status} ${row.error}`, row.fault === "caller" ? "warn" : "bad") : row.outcome === "left" ? chip("caller left", "warn") : chip(String(row.status), "good");

export const calls = {
  path: "calls", title: "Last calls", json: ["/admin/v1/calls", "/admin/v1/calls/<request id>", "/admin/v1/journal"],
  mount(root, context, rest) {
    const id = h("input", { id: "call-id", name: "id", required: true, maxlength: 128, value: rest, autocomplete: "off", spellcheck: "false", placeholder: "req_…" });
    const only = h("select", { id: "only" }, [["", "all calls"], ["failed", "failed"], ["upstream", "failed by upstreams"], ["gateway", "failed by the gateway"], ["caller", "failed by callers"]].map(([value, says]) => h("option", { value }, says)));
    const one = h("div", { "aria-live": "polite" }), place = h("div");
    const find = async (wanted) => {
      try { fill(one, shown(await found(context, wanted))); } catch (error) { if (error.name !== "AbortError") fill(one, h("p", { class: "card error", role: "alert" }, h("bdi", null, error.message))); }
    };
    root.append(h("form", { class: "row", role: "search", onsubmit: (event) => { event.preventDefault(); find(id.value.trim()); } },
      h("label", { for: "call-id" }, "Request id (x-request-id)", id), h("button", { type: "submit" }, "Find"), h("label", { for: "only" }, "Show", only)), one, place);
    const load = async () => {
      const { calls: rows } = await context.get("/admin/v1/calls?count=200");
      const kept = rows.filter((row) => !only.value || (only.value === "failed" ? row.error : row.fault === only.value)).slice(0, MOST);
      return table("Calls that have ended, the newest first", [
        ["request", (row) => h("button", { type: "button", class: "quiet", "data-key": "call " + row.id, onclick: () => { id.value = row.id; find(row.id); one.scrollIntoView({ block: "nearest" }); } }, text(row.id, 60))],
        ["ended", (row) => clock(row.ended)], ["model", (row) => text(row.model, 80)], ["upstream", (row) => text(row.upstream, 80)], ["outcome", outcome],
        ["first byte", (row) => seconds(row.first_byte_seconds), "n"], ["whole", (row) => seconds(row.seconds), "n"],
        ["tokens in / out", (row) => number(row.tokens_in) + " / " + number(row.tokens_out), "n"], ["cache", (row) => row.cache], ["attempts", (row) => number(row.attempts), "n"],
        ["cost", (row) => row.cost ? dollars(row.cost) : "–", "n"], ["tags", (row) => text(row.tags, 80)], ["key", (row) => text(row.key, 60)],
      ], kept, "No such call is remembered.");
    };
    context.every(place, load);
    only.addEventListener("change", () => load().then((made) => fill(place, made), () => {}));
    if (rest) find(rest);
  },
};

// What is remembered of it; else its row in the journal.
async function found(context, id) {
  try {
    return await context.get("/admin/v1/calls/" + encodeURIComponent(id));
  } catch (error) {
    if (error.status !== 404) throw error;
    try {
      const { rows } = await context.get("/admin/v1/journal?id=" + encodeURIComponent(id));
      if (rows.length) return { ...rows[0], seconds: rows[0].total_seconds };
    } catch (other) { if (other.name === "AbortError") throw other; }
    throw error;
  }
}

// The steps of a call, each from its beginning. What is not measured of it is left out.
export function steps(row) {
  const parts = [];
  let at = 0;
  const step = (name, length, kind) => { if (length > 0) { parts.push({ name, from: at, seconds: length, kind }); at += length; } };
  const queued = row.queue_seconds || 0;
  const waits = Object.entries(row.waits || {});
  const spread = waits.reduce((sum, [, length]) => sum + length, 0);
  if (row.rooms) return rooms(row);
  step("rooms of the gateway", row.overhead_seconds, "own");
  for (const [room, length] of waits) step("wait in " + room, length, "wait");
  step("wait in a queue", queued - spread, "wait");
  step("connect", row.connect_seconds, "net");
  const first = row.first_byte_seconds || 0, heads = Math.min(row.headers_seconds || 0, first || Infinity);
  if (heads) step("upstream, to its head", heads - at, "");
  else step("upstream", (row.upstream_seconds || 0) - (row.connect_seconds || 0), "");
  if (first) step(row.stream ? "to the first event" : "to the answer", first - at, "");
  step(row.stream ? "the stream" : "the rest", row.seconds - at, "flow");
  return parts;
}

// Of one call in some: how long it was in each room on its way down. The last room before the answer asked the upstream.
function rooms(row) {
  const parts = [];
  let at = 0;
  for (const [index, [name, length]] of row.rooms.entries()) {
    const kind = name === "answer" ? "flow" : row.rooms[index + 1] && row.rooms[index + 1][0] === "answer" ? "" : (row.waits || {})[name] ? "wait" : "own";
    parts.push({ name: name === "answer" ? "the answer" : "room " + name, from: at, seconds: length, kind });
    at += length;
  }
  const until = (name, length) => { if (length) parts.push({ name, from: 0, seconds: length, kind: "net" }); };
  if (row.connect_seconds) parts.push({ name: "connecting, of that", from: Math.max(0, (row.headers_seconds || at) - (row.upstream_seconds || 0)), seconds: row.connect_seconds, kind: "net" });
  until("to the upstream's head", row.headers_seconds);
  until("to the first byte", row.first_byte_seconds);
  return parts;
}

function shown(row) {
  const facts = [
    ["model", row.model], ["upstream", row.upstream], ["operation", row.operation], ["ended", moment(row.ended)], ["key", row.key], ["tags", row.tags],
    ["outcome", row.outcome], ["status", row.status], ["error", row.error], ["fault", row.fault], ["attempts", row.attempts], ["rescues", row.rescues], ["hedge", row.hedge],
    ["cache", row.cache], ["degraded", row.degraded], ["batch", row.batch], ["tokens in, cached, out", `${number(row.tokens_in)}, ${number(row.tokens_cached)}, ${number(row.tokens_out)}`],
  ].filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return h("section", { class: "card", "aria-labelledby": "one" }, h("h2", { id: "one" }, "Call ", text(row.id)),
    waterfall("Where the time of this call went", row.seconds, steps(row), seconds),
    h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", null, name), h("dd", null, text(value, 2000))])));
}
