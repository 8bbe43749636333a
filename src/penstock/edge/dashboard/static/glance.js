// First glance: is it serving, whose fault are the errors, how quick is it, what does it cost, who rests and until when.

import { lines } from "./chart.js";
import { bytes, chip, clock, fill, h, micros, number, plural, seconds, share, table, text, tile, tiles } from "./dom.js";

const KEPT = 120;
const FAULT = { caller: "the caller's", gateway: "the gateway's", upstream: "an upstream's" };
const seen = []; // [at, calls a second, errors a second]: what was live on this page, also while another view was shown

export const STATES = { closed: ["serving", "good"], half_open: ["on trial", "warn"], open: ["left alone", "bad"], sick: ["fails its probes", "bad"], slow: ["slow, set aside", "warn"], draining: ["draining", ""], keys_at_rest: ["its keys rest", "bad"] };
export const stateChip = (row) => {
  const [word, kind] = STATES[row.state] || [row.state, "warn"];
  return chip(row.state === "closed" && row.share < 1 ? "slow start, " + share(row.share, 0) : word, kind);
};
export const back = (row, at) => row.returns_at ? `tried again in ${seconds(Math.max(0, row.returns_at - at))} (${clock(row.returns_at)})` : row.state === "open" ? "tried with the next call" : "–";

function verdict(live) {
  const { caller = 0, gateway = 0, upstream = 0 } = live.faults;
  const ours = gateway + upstream;
  if (!live.workers) return ["bad", "No worker answers", "The gateway's workers do not answer each other."];
  if (live.awaited.length) return ["warn", "Not ready", "It waits for: " + live.awaited.join(", ") + "."];
  const window = `in the last ${number(live.span_seconds)} s`;
  const errors = ours + caller
    ? `Of ${plural(live.calls, "call")} ${window} ${number(ours + caller)} failed: ` + [["upstream", upstream], ["gateway", gateway], ["caller", caller]].filter(([, many]) => many).map(([fault, many]) => `${number(many)} by ${FAULT[fault]} fault`).join(", ") + "." + blame(live)
    : `No call failed ${window}.`;
  if (live.unserved.length) return ["bad", "Not serving: " + live.unserved.join(", "), "No upstream of " + (live.unserved.length > 1 ? "these models" : "this model") + " can be used. " + errors];
  if (ours && ours >= 0.5 * live.calls) return ["bad", "Most calls fail", errors];
  if (ours) return ["warn", "Serving, with errors", errors];
  const rescued = Object.entries(live.retried).map(([name, many]) => `${plural(many, "attempt")} at ${name}`);
  if (rescued.length) return ["warn", "Serving, by going round a failing upstream", errors + " Failed and were tried elsewhere: " + rescued.join(", ") + "."];
  const down = live.upstreams.filter((one) => !["closed", "draining"].includes(one.state));
  if (down.length) return ["warn", "Serving, with fewer upstreams", down.map((one) => one.name).join(", ") + " cannot be used just now. " + errors];
  const stuck = Object.entries(live.pools || {}).filter(([, one]) => one.trouble);
  if (stuck.length) return ["warn", "Serving, with trouble in a pool", stuck.map(([name, one]) => `${name}: ${one.trouble}.`).join(" ") + " " + errors];
  return ["good", "Serving", errors];
}

// Whose fault it is, by name: who failed, and who is not there where nobody was left to ask.
function blame(live) {
  const names = new Map(live.blamed.filter((one) => one.fault === "upstream" && one.upstream).map((one) => [one.upstream, one.calls]));
  const left = live.blamed.filter((one) => one.fault === "upstream" && !one.upstream).reduce((sum, one) => sum + one.calls, 0);
  const down = left ? live.upstreams.filter((one) => !["closed", "draining"].includes(one.state) && !names.has(one.name)) : [];
  const said = [...names].slice(0, 3).map(([name, calls]) => `${name} (${number(calls)})`).concat(down.slice(0, 3).map((one) => one.name));
  return (said.length ? ` To blame: ${said.join(", ")}.` : "") + (left ? ` ${plural(left, "call")} found no upstream left.` : "");
}

const times = (row, name) => row[name] ? ["p50", "p95", "p99"].map((one) => seconds(row[name][one])).join(" / ") : "–";

export const glance = {
  path: "", title: "First glance", json: ["/admin/v1/live", "/admin/v1/status"],
  mount(root, context) {
    const state = h("div", { class: "said", id: "verdict" }, h("strong", null, "Looking…"));
    const counts = h("div"), curve = h("div"), models = h("div"), rows = h("div"), open = h("div");
    root.append(state, counts, h("div", { id: "open" }, open), h("h2", null, "Models, in the last minute"), models, h("h2", null, "Upstreams"), rows, h("h2", null, "Since this page was opened"), curve);
    context.heard = (live) => {
      const [kind, word, why] = verdict(live);
      state.className = "said " + kind;
      fill(state, h("strong", null, text(word)), text(why, 1000));
      context.announce("Penstock: " + word + ".");
      fill(counts, numbers(live));
      fill(open, findings(live));
      fill(models, table("Seconds by model: half / 95 % / 99 % of calls are quicker", [
        ["model", (row) => row.model], ["calls", (row) => number(row.calls), "n"],
        ["failed", (row) => number(row.failed), "n"], ["first token", (row) => times(row, "ttft"), "n"],
        ["end to end", (row) => times(row, "total"), "n"], ["tokens a second", (row) => number(row.tokens_per_second, 1), "n"],
        ["from the cache", (row) => share(row.calls ? row.hits / row.calls : null), "n"],
      ], live.models, "No call has ended in the last minute."));
      fill(rows, table("Upstreams, the worst first", [
        ["upstream", (row) => row.name], ["state", stateChip], ["returns", (row) => back(row, live.at)],
        ["in flight", (row) => number(row.in_flight), "n"], ["failed attempts in 10 s", (row) => number(live.retried[row.name] || 0), "n"],
      ], live.upstreams, "No upstream is configured."));
      fill(curve, curves());
    };
  },
};

export function remember(live) {
  const last = seen[seen.length - 1];
  if (last && live.at <= last[0]) return;
  const errors = (live.faults.gateway || 0) + (live.faults.upstream || 0);
  seen.push([live.at, live.calls_per_second, live.span_seconds ? errors / live.span_seconds : 0]);
  if (seen.length > KEPT) seen.shift();
}

const curves = () => seen.length < 2 ? h("p", { class: "empty" }, "A curve needs a moment.") : lines({
  title: "Calls and errors a second (mean of 10 s)", small: true, tall: 150, show: (value) => number(value, 1),
  series: [{ name: "calls", points: seen.map((one) => [one[0], one[1]]) }, { name: "errors, ours and upstreams'", points: seen.map((one) => [one[0], one[2]]) }],
});

function numbers(live) {
  const { streams, memory } = live;
  const ours = (live.faults.gateway || 0) + (live.faults.upstream || 0);
  return tiles(
    tile("Calls a second", number(live.calls_per_second, 1), plural(live.calls, "call") + ` in ${number(live.span_seconds)} s`),
    tile("Errors in 10 s", number(ours + (live.faults.caller || 0)), `${number(live.faults.upstream || 0)} upstream · ${number(live.faults.gateway || 0)} gateway · ${number(live.faults.caller || 0)} caller`, ours ? "bad" : ""),
    tile("In flight", number(live.in_flight)),
    tile("In queues", number(live.queued), null, live.queued ? "warn" : ""),
    tile("Streams", number(streams.open), `${number(streams.slow)} slow · ${number(streams.rescued)} rescued`),
    memory ? tile("Memory", share(memory.share), `${bytes(memory.rss)} of ${bytes(memory.limit)}`, memory.level > 1 ? "bad" : memory.level ? "warn" : "") : null,
    live.spend ? tile("Spent today (UTC)", micros(live.spend.today), micros(live.spend.hour) + " this hour") : null,
    live.spend && live.spend.saved ? tile("Saved today", micros(live.spend.saved)) : null,
  );
}

function findings(live) {
  const all = [
    ...(live.alerts || []).map((one) => [one.severity, one.name, one.text, one.opened]),
    ...(live.anomalies || []).map((one) => [one.severity, one.kind, one.cause || one.measure, one.start]),
  ];
  if (!all.length) return null;
  return table("Open alerts and anomalies", [
    ["what", (row) => row[1]], ["severity", (row) => chip(row[0], ["high", "critical"].includes(row[0]) ? "bad" : "warn")],
    ["why", (row) => row[2]], ["since", (row) => clock(row[3])],
  ], all);
}
