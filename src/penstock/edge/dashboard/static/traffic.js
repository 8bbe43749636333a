// Traffic and latency over time, with anomalies marked on the curve.

import { lines } from "./chart.js";
import { all, dollars, fill, h, moment, number, seconds, share, table, text } from "./dom.js";

const RANGES = [["30m", "half an hour"], ["6h", "six hours"], ["24h", "a day"], ["7d", "a week"], ["30d", "30 days"]];
// Title, measures of /admin/v1/history and their names here, how a value is shown, which anomalies are marked on it, and whether it
// is of the whole gateway only.
const CHARTS = [
  ["Calls a second", [["calls_per_second", "calls a second"]], (value) => number(value, 2), /traffic/],
  ["Failed, of all calls", [["error_share_upstream", "by an upstream's fault"], ["error_share_gateway", "by the gateway's"], ["error_share_caller", "by the caller's"]], share, /error|short/],
  ["Time to first token", [["ttft_p50", "half are within"], ["ttft_p95", "95 % are within"]], seconds, /first_token|latency|queue/],
  ["End to end", [["total_p50", "half are within"], ["total_p95", "95 % are within"]], seconds, /latency|loop|store/],
  ["Tokens a second of an answer", [["token_rate", "tokens a second"]], (value) => number(value, 1), /token_rate/],
  ["Answered from the cache", [["hit_rate", "of those it was asked for"]], share, /hit_rate/],
  ["Waiting in queues", [["queued", "calls"]], (value) => number(value, 1), /queue/, true],
  ["Memory", [["memory", "of the limit"]], share, /memory/, true],
  ["Spend an hour", [["cost_per_hour", "spent"], ["saved_per_hour", "saved"]], dollars, /cost/],
];

export const traffic = {
  path: "traffic", title: "Traffic and latency", json: ["/admin/v1/history", "/admin/v1/anomalies"],
  mount(root, context) {
    const range = h("select", { id: "range" }, RANGES.map(([name, says]) => h("option", { value: name }, says)));
    const model = h("input", { id: "model", name: "model", placeholder: "all", maxlength: 128, autocomplete: "off" });
    const upstream = h("input", { id: "upstream", name: "upstream", placeholder: "all", maxlength: 128, autocomplete: "off" });
    const place = h("div");
    const load = async () => {
      const part = model.value || upstream.value;
      const charts = CHARTS.filter(([, , , , whole]) => !(whole && part));
      const asked = new URLSearchParams({ measures: charts.flatMap(([, measures]) => measures.map(([name]) => name)).join(","), since: "-" + range.value });
      if (model.value) asked.set("model", model.value);
      if (upstream.value) asked.set("upstream", upstream.value);
      const history = await context.get("/admin/v1/history?" + asked);
      let anomalies = [];
      try { anomalies = all(await context.get("/admin/v1/anomalies?last=500")); } catch (error) { if (!error.missing) throw error; }
      if (part) anomalies = anomalies.filter((one) => [one.model, ""].includes(model.value || one.model) && [one.upstream, ""].includes(upstream.value || one.upstream));
      return shown(charts, history, anomalies);
    };
    const again = () => load().then((made) => fill(place, made)).catch((error) => { if (error.name !== "AbortError") fill(place, h("p", { class: "card error", role: "alert" }, text(error.message))); });
    root.append(h("form", { class: "row", onsubmit: (event) => { event.preventDefault(); again(); } },
      h("label", { for: "range" }, "Time", range), h("label", { for: "model" }, "Model", model), h("label", { for: "upstream" }, "Upstream", upstream), h("button", { type: "submit" }, "Show")), place);
    range.addEventListener("change", again);
    context.every(place, load, 10);
  },
};

function shown(charts, history, anomalies) {
  const { times, since, until, step } = history;
  const values = history.series[0] ? history.series[0].points : {};
  // A gateway that is young has no past: its curves begin where it did.
  const first = times.findIndex((_, index) => Object.values(values).some((one) => one[index] !== null));
  const begin = first > 0 ? times[first] - step : since;
  const near = anomalies.filter((one) => (one.end ?? until) >= since && one.start <= until);
  return [
    h("p", { class: "lead" }, `From ${moment(begin)} to ${moment(until)}, a point every ${seconds(step)}.`),
    h("div", { class: "pair" }, charts.map(([title, measures, show, kinds]) => lines({
      title, show, from: begin, to: until, wide: 460, tall: 180,
      series: measures.map(([measure, name]) => ({ name, points: times.map((at, index) => [at, (values[measure] || [])[index] ?? null]) })),
      bands: near.filter((one) => kinds.test(one.kind)).map((one) => ({ from: one.start, to: one.end, severity: one.severity, text: `${one.kind.replaceAll("_", " ")} (${one.severity})` })),
    }))),
    table("Anomalies in this time", [
      ["what", (row) => row.kind.replaceAll("_", " ")], ["severity", (row) => row.severity], ["why", (row) => text(row.cause || `${row.measure}: ${number(row.actual, 3)} where ${number(row.expected, 3)} was expected`, 600)],
      ["from", (row) => moment(row.start)], ["to", (row) => row.end ? moment(row.end) : "still open"],
    ], near, "None was found."),
  ];
}
