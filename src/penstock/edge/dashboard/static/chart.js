// Lines over time, and bars of where the time of a call went. Each has a twin in text.

import { clock, h, moment, s, table } from "./dom.js";

const LEFT = 56, RIGHT = 12, TOP = 12, LOW = 24;
let charts = 0;

function nice(most) {
  if (!(most > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  for (const step of [1, 2, 2.5, 5, 10]) if (most <= step * power) return step * power;
  return most;
}

// series: [{name, points: [[unix seconds, value or null]]}]; bands: [{from, to, text, severity}], to null: still open. range: {name,
// low, high}, two series between which is shaded; mark: a moment that is marked; reads: what is read out before somebody chooses.
export function lines({ title, series: own, show, bands = [], range = null, mark = null, reads = null, wide = 720, tall = 200, small = false, from, to }) {
  const series = range ? [...own, range.low, range.high] : own;
  const times = [...new Set(series.flatMap((one) => one.points.map((point) => point[0])))].sort((a, b) => a - b);
  const name = "c" + ++charts;
  const values = series.flatMap((one) => one.points.map((point) => point[1])).filter((value) => value !== null && value !== undefined);
  if (!values.length) return h("figure", { class: "card" }, h("figcaption", null, title), h("p", { class: "empty" }, "No values in this time."));
  const begin = from ?? times[0], end = Math.max(to ?? times[times.length - 1], begin + 1);
  const most = nice(Math.max(...values));
  const x = (at) => LEFT + (wide - LEFT - RIGHT) * (at - begin) / (end - begin);
  const y = (value) => TOP + (tall - TOP - LOW) * (1 - value / most);
  const marks = [0, 0.5, 1].map((part) => [
    s("line", { class: "grid", x1: LEFT, x2: wide - RIGHT, y1: y(most * part), y2: y(most * part) }),
    s("text", { class: "axis", x: LEFT - 6, y: y(most * part) + 4, "text-anchor": "end" }, show(most * part)),
  ]);
  const stamps = [0, 0.5, 1].map((part) => s("text", { class: "axis", x: x(begin + (end - begin) * part), y: tall - 6, "text-anchor": part === 0 ? "start" : part === 1 ? "end" : "middle" },
    end - begin > 86400 * 1.5 ? moment(begin + (end - begin) * part) : clock(begin + (end - begin) * part)));
  const shades = bands.filter((band) => (band.to ?? end) >= begin && band.from <= end).map((band) => {
    const left = x(Math.max(begin, band.from)), right = x(Math.min(end, band.to ?? end));
    return s("g", { class: "band " + (band.severity || "") },
      s("rect", { x: left, y: TOP, width: Math.max(3, right - left), height: tall - TOP - LOW }),
      s("line", { x1: left, x2: left, y1: TOP, y2: tall - LOW }));
  });
  const area = range ? s("path", { class: "range", d: around(range, x, y) }) : null;
  const moments = mark === null ? null : s("line", { class: "mark", x1: x(mark), x2: x(mark), y1: TOP, y2: tall - LOW });
  const drawn = own.map((one, at) => s("path", { class: "line s" + at % 5, d: path(one.points, x, y) }));
  const cross = s("line", { class: "cross", x1: 0, x2: 0, y1: TOP, y2: tall - LOW });
  const svg = s("svg", { viewBox: `0 0 ${wide} ${tall}`, role: "img", "aria-labelledby": name }, marks, stamps, shades, area, moments, drawn, cross);
  const legend = h("ul", { class: "legend" }, own.map((one, at) => h("li", { class: "s" + at % 5 }, h("span", { class: "swatch" }), h("bdi", null, one.name))),
    range ? h("li", { class: "range" }, h("span", { class: "swatch" }), range.name) : null,
    bands.length ? h("li", { class: "band" }, h("span", { class: "swatch" }), "anomaly") : null);
  const said = h("output", { class: "reading" }, reads ?? newest(series, show));
  const figure = h("figure", { class: "card chart" }, h("figcaption", { id: name }, title), legend, svg, said);
  if (!small) {
    const by = series.map((one) => new Map(one.points));
    const read = (at) => {
      cross.setAttribute("x1", x(at)); cross.setAttribute("x2", x(at)); cross.classList.add("on");
      const near = bands.filter((band) => band.from <= at && (band.to ?? end) >= at).map((band) => band.text);
      said.textContent = [moment(at), ...series.map((one, index) => one.name + " " + show(by[index].get(at) ?? null)), ...near].join(" · ");
    };
    const slide = h("input", { type: "range", min: 0, max: times.length - 1, value: times.length - 1, step: 1, "data-key": "slide " + title, "aria-label": "Point in time: " + title,
      oninput: (event) => { read(times[+event.target.value]); event.target.setAttribute("aria-valuetext", said.textContent); } });
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const at = begin + (end - begin) * ((event.clientX - box.left) / box.width * wide - LEFT) / (wide - LEFT - RIGHT);
      let best = times[0];
      for (const time of times) if (Math.abs(time - at) < Math.abs(best - at)) best = time;
      read(best);
    });
    figure.append(slide, twin(title, times, series, by, show));
  }
  return figure;
}

function path(points, x, y) {
  let d = "", pen = false;
  for (const [at, value] of points) {
    if (value === null || value === undefined) { pen = false; continue; }
    d += (pen ? "L" : "M") + x(at).toFixed(1) + " " + y(value).toFixed(1);
    if (!pen) d += "h0.01"; // a value between two gaps is a dot
    pen = true;
  }
  return d;
}

// There along the high edge, and back along the low one. Of the two each point has both, or neither.
function around({ low, high }, x, y) {
  const corners = [...high.points, ...[...low.points].reverse()].filter((point) => point[1] !== null && point[1] !== undefined);
  return corners.length ? "M" + corners.map(([at, value]) => x(at).toFixed(1) + " " + y(value).toFixed(1)).join("L") + "Z" : "";
}

function newest(series, show) {
  return series.map((one) => {
    const last = [...one.points].reverse().find((point) => point[1] !== null && point[1] !== undefined);
    return one.name + " " + (last ? show(last[1]) : "–");
  }).join(" · ");
}

function twin(title, times, series, by, show) {
  const details = h("details", { "data-key": "twin " + title }, h("summary", { "data-key": "summary " + title }, "As a table"));
  const make = () => {
    if (!details.open || details.children.length > 1) return;
    const rows = times.slice(-200).reverse();
    details.append(table(title + " (newest first)", [["time", (at) => moment(at)], ...series.map((one, index) => [one.name, (at) => show(by[index].get(at) ?? null), "n"])], rows));
  };
  details.addEventListener("toggle", make);
  return details;
}

// Where the time of a call went. parts: [{name, from, seconds, kind}], all from the call's beginning.
export function waterfall(label, whole, parts, show) {
  const row = 22, tall = parts.length * row + 4, left = 150, wide = 640;
  const x = (at) => left + (wide - left - 70) * (whole > 0 ? Math.min(1, at / whole) : 0);
  return s("svg", { class: "fall", viewBox: `0 0 ${wide} ${tall}`, role: "img", "aria-label": label + ": " + parts.map((one) => one.name + " " + show(one.seconds)).join(", ") },
    parts.map((one, at) => [
      s("text", { class: "axis", x: left - 8, y: at * row + 15, "text-anchor": "end" }, one.name),
      s("rect", { class: "bar " + one.kind, x: x(one.from), y: at * row + 4, width: Math.max(2, x(one.from + one.seconds) - x(one.from)), height: row - 8, rx: 3 }),
      s("text", { class: "axis", x: Math.max(2, x(one.from + one.seconds)) + 6, y: at * row + 15 }, show(one.seconds)),
    ]));
}

// A share as a bar; the number stands beside it in the text.
export const meter = (part, kind) => s("svg", { class: "meter", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
  s("rect", { class: "rail", x: 0, y: 0, width: 100, height: 8, rx: 2 }),
  s("rect", { class: "bar " + (kind || ""), x: 0, y: 0, width: Math.max(0, Math.min(1, part || 0)) * 100, height: 8, rx: 2 }));
