// The forecast: by model what came in the last hours, and what is expected in the next two, with its bounds.

import { lines } from "./chart.js";
import { fill, h, number, seconds, text } from "./dom.js";

const MOST_MODELS = 4, MINUTES = 120, TOLD = [10, 60, 120];
const OF = [["requests", "calls a second", "calls_per_second"], ["tokens_in", "tokens of prompts a second", "tokens_in_per_second"], ["tokens_out", "tokens of answers a second", "tokens_out_per_second"]];
const PAST = [["2h", "two hours"], ["6h", "six hours"], ["24h", "a day"]];
const EVERY = 10; // seconds
const digits = (value) => value < 10 ? 2 : 0;
const show = (value) => value === null ? "–" : number(value, digits(value));

export function ahead(root, context) {
  const option = ([name, says]) => h("option", { value: name }, says);
  const of = h("select", { id: "of" }, OF.map(option)), past = h("select", { id: "past" }, PAST.map(([name, says]) => h("option", { value: name, selected: name === "6h" }, says)));
  const model = h("select", { id: "ahead" }, option(["", "the busiest"]));
  const place = h("div", { id: "forecast" });
  let asked = 0;
  const load = async () => {
    const turn = ++asked;
    const [rate, says, measure] = OF.find(([name]) => name === of.value);
    const query = new URLSearchParams({ by: "model", top: "50", measures: measure, since: "-" + past.value });
    if (model.value) query.set("model", model.value);
    const [told, history] = await Promise.all([context.get("/admin/v1/forecast"), context.get("/admin/v1/history?" + query)]);
    if (told.trouble || !told.enabled) return h("p", { class: "card empty" }, text(told.trouble || "Nothing is forecast: scaling.forecast.enabled is false."));
    const busy = ([, rates]) => (rates.requests || {}).now || 0;
    const known = told.models || {};
    // Of one that was not called since the gateway began nothing is forecast, but what was of it is known.
    const others = history.series.map((one) => one.name).filter((name) => !known[name] && !name.startsWith("("));
    const names = [...Object.entries(known).sort((a, b) => busy(b) - busy(a)).map(([name]) => name), ...others];
    if (!model.value) choices(model, names);
    if (!names.length) return h("p", { class: "card empty" }, "No model had calls yet. The forecast begins with the first minute of them, and speaks after ten.");
    const some = model.value ? [model.value] : names.slice(0, MOST_MODELS);
    const one = async (name) => known[name] ? (await context.get(`/admin/v1/forecast?minutes=${MINUTES}&model=${encodeURIComponent(name)}`)).models[name][rate] : null;
    const rows = await Promise.all(some.map(one));
    if (turn !== asked) return null; // something else was asked for meanwhile
    return h("div", { class: some.length > 1 ? "pair" : null }, some.map((name, at) => curve(name, says, measure, rows[at] || {}, history, some.length > 1)));
  };
  const again = () => load().then((made) => made && fill(place, made), (error) => { if (error.name !== "AbortError") fill(place, h("p", { class: "card error", role: "alert" }, text(error.message))); });
  root.append(h("form", { class: "row", onsubmit: (event) => event.preventDefault() }, h("label", { for: "ahead" }, "Model", model), h("label", { for: "of" }, "Of", of), h("label", { for: "past" }, "Beside the last", past)), place);
  for (const one of [of, past, model]) one.addEventListener("change", again);
  context.every(place, load, EVERY);
}

// The list as it is now, unless somebody is just choosing from it.
function choices(select, names) {
  if (document.activeElement === select && select.options.length > 1) return;
  select.replaceChildren(select.options[0], ...names.map((name) => h("option", { value: name }, name.slice(0, 80))));
}

function curve(name, says, measure, row, history, small) {
  const series = history.series.find((one) => one.name === name), values = series ? series.points[measure] || [] : [];
  const first = values.findIndex((value) => value !== null);
  const came = first < 0 ? [] : history.times.slice(first).map((at, index) => [at, values[first + index] ?? null]);
  const told = row.prediction ? row.prediction.intervals : [];
  // From what came last on: so the curves meet.
  const of = (key) => ({ points: [[row.prediction.made, row.now], ...told.map((one) => [one.at, one[key]])] });
  const title = `${name.slice(0, 80)}: ${says}`;
  const at = (minutes) => [seconds(minutes * 60), told[minutes - 1]];
  const reads = told.length ? `Now ${show(row.now)}; expected ` + TOLD.map(at).map(([when, one]) => `in ${when} ${show(one.load)} (${show(one.lower)} to ${show(one.upper)})`).join(", ") + "."
    : `Nothing is expected yet: ${row.trouble || "it had no call since the gateway began"}.`;
  return lines({
    title, show, reads, wide: small ? 460 : 720, tall: small ? 180 : 220,
    series: [{ name: "came", points: came }, ...(told.length ? [{ name: "expected", ...of("load") }] : [])],
    range: told.length ? { name: "nine in ten stay below its upper edge, nine in ten above its lower one", low: { name: "at least", ...of("lower") }, high: { name: "at most", ...of("upper") } } : null,
    mark: told.length ? row.prediction.made : null,
  });
}
