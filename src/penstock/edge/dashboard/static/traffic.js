// Traffic and latency over time, with anomalies marked on the curve.

import { lines } from "./chart.js";
import { dollars, fill, h, moment, number, plural, seconds, share, table, text } from "./dom.js";

const RANGES = [["1h", "the last hour", 3600], ["6h", "six hours", 21600], ["24h", "a day", 86400], ["7d", "a week", 604800], ["30d", "30 days", 2592000]];
const CHARTS = [
  ["Calls", [["calls", "calls"], ["failed", "failed"]], (value) => number(value, 1), /traffic|error|short/],
  ["Time to first token", [["ttft_p50", "half"], ["ttft_p95", "95 %"]], seconds, /first_token|latency|queue/],
  ["End to end", [["total_p50", "half"], ["total_p95", "95 %"]], seconds, /latency|loop|store/],
  ["Tokens a second of a call", [["token_rate", "tokens a second"]], (value) => number(value, 1), /token_rate/],
  ["Answered from the cache", [["hit_rate", "share"]], share, /hit_rate/],
  ["Waiting in queues", [["queued", "calls"]], (value) => number(value, 1), /queue/],
  ["Memory", [["memory", "share of the limit"]], share, /memory/],
  ["Spend", [["cost", "dollars"]], (value) => dollars(value), /cost/],
];

export const traffic = {
  path: "traffic", title: "Traffic and latency", json: ["/admin/v1/history", "/admin/v1/anomalies"],
  mount(root, context) {
    const range = h("select", { id: "range" }, RANGES.map(([name, says]) => h("option", { value: name }, says)));
    const model = h("input", { id: "model", name: "model", placeholder: "all", maxlength: 128, autocomplete: "off" });
    const upstream = h("input", { id: "upstream", name: "upstream", placeholder: "all", maxlength: 128, autocomplete: "off" });
    const place = h("div");
    const load = async () => {
      const span = RANGES.find(([name]) => name === range.value)[2];
      const to = Date.now() / 1000, from = to - span;
      const asked = new URLSearchParams({ measures: [...new Set(CHARTS.flatMap(([, measures]) => measures.map(([name]) => name)))].join(","), from: String(Math.round(from)), to: String(Math.round(to)) });
      if (model.value) asked.set("model", model.value);
      if (upstream.value) asked.set("upstream", upstream.value);
      const history = await context.get("/admin/v1/history?" + asked);
      let anomalies = [];
      try { anomalies = (await context.get("/admin/v1/anomalies")).anomalies || []; } catch (error) { if (!error.missing) throw error; }
      return shown(history, anomalies, from, to);
    };
    root.append(h("form", { class: "row", onsubmit: (event) => { event.preventDefault(); again(); } },
      h("label", { for: "range" }, "Time", range), h("label", { for: "model" }, "Model", model), h("label", { for: "upstream" }, "Upstream", upstream), h("button", { type: "submit" }, "Show")), place);
    const again = () => load().then((made) => fill(place, made)).catch((error) => { if (error.name !== "AbortError") fill(place, h("p", { class: "error", role: "alert" }, error.message)); });
    range.addEventListener("change", again);
    context.every(place, load, 10);
  },
};

function shown(history, anomalies, from, to) {
  const points = history.points || [];
  const near = anomalies.filter((one) => (one.end ?? to) >= from && one.start <= to);
  return [
    h("p", { class: "lead" }, `${plural(points.length, "point")}, one every ${seconds(history.step)}. Curves go up to now.`),
    CHARTS.map(([title, measures, show, kinds]) => lines({
      title, show, from, to,
      series: measures.map(([measure, name]) => ({ name, points: points.map((point) => [point.at, point[measure] ?? null]) })),
      bands: near.filter((one) => kinds.test(one.kind)).map((one) => ({ from: one.start, to: one.end, severity: one.severity, text: `${one.kind} (${one.severity})` })),
    })),
    table("Anomalies in this time", [
      ["what", (row) => row.kind], ["severity", (row) => row.severity], ["why", (row) => row.cause || text(`${row.measure}: ${number(row.actual, 3)} where ${number(row.expected, 3)} was expected`)],
      ["from", (row) => moment(row.start)], ["to", (row) => row.end ? moment(row.end) : "still open"],
    ], near, "None was found."),
  ];
}
