// What was found: anomalies and what they blame, bottlenecks, recommendations, alerts, objectives, the report.

import { all, chip, h, moment, number, seconds, share, table, text } from "./dom.js";

const severe = (word) => chip(word, ["high", "critical"].includes(word) ? "bad" : word === "medium" ? "warn" : "");
const span = (from, to) => to ? `${moment(from)} to ${moment(to)}` : `since ${moment(from)}`;
const deviation = (row) => row.deviation === null || row.deviation === undefined ? "–" : (row.deviation > 0 ? "+" : "") + share(row.deviation, 0);

const PARTS = [
  ["anomalies", "Anomalies", (told) => table("The newest first", [
    ["what", (row) => row.kind], ["severity", (row) => severe(row.severity)], ["why", (row) => text(row.cause, 600)], ["measure", (row) => row.measure], ["actual", (row) => number(row.actual, 3), "n"], ["expected", (row) => number(row.expected, 3), "n"], ["off by", deviation, "n"],
    ["blames", (row) => (row.contributors || []).slice(0, 3).map((one) => [chip(`${one.dimension} ${one.value} ${share(one.share, 0)}`), " "])], ["when", (row) => span(row.start, row.end)],
  ], all(told).sort((a, b) => b.start - a.start), "None was found.")],
  ["alerts", "Alerts", (told) => table("The newest first", [
    ["alert", (row) => row.name], ["severity", (row) => severe(row.severity)], ["state", (row) => row.closed ? chip("closed") : chip("open", "bad")], ["text", (row) => text(row.text, 600)], ["when", (row) => span(row.opened, row.closed)],
  ], all(told).sort((a, b) => b.opened - a.opened), "None was opened.")],
  ["bottlenecks", "Bottlenecks", (told) => table("What limits most calls", [
    ["where", (row) => row.kind], ["severity", (row) => severe(row.severity)], ["what", (row) => text(row.description, 600)], ["adds", (row) => seconds(row.impact), "n"], ["to calls", (row) => share(row.share), "n"],
    ["do", (row) => text(row.recommendation, 600)], ["how", (row) => row.action ? h("code", null, text(row.action)) : "–"], ["evidence", (row) => text(Object.entries(row.evidence || {}).map(([name, value]) => `${name} ${number(value, 3)}`).join(" · "))],
  ], told.bottlenecks || [], "Nothing stands in the way.")],
  ["recommendations", "Recommendations", (told) => table("By priority", [
    ["what", (row) => row.title], ["priority", (row) => severe(row.priority)], ["why", (row) => text(row.description, 600)], ["steps", (row) => h("ul", { class: "plain" }, (row.actions || []).map((one) => h("li", null, text(one.text), one.config ? [" ", h("code", null, text(one.config))] : null)))],
    ["benefit", (row) => row.benefit], ["effort", (row) => row.effort],
  ], told.recommendations || [], "None.")],
  ["objectives", "Objectives", (told) => table("What was promised, and how it stands", [
    ["objective", (row) => row.name], ["of", (row) => text(row.what, 600)], ["target", (row) => share(row.target, 3), "n"], ["good", (row) => share(row.good, 3), "n"], ["state", (row) => row.good === null ? chip("no call yet") : row.met ? chip("met", "good") : chip("missed", "bad")],
    ["budget left", (row) => share(row.budget_left), "n"], ["bad of all", (row) => `${number(row.bad)} of ${number(row.total)}`, "n"], ["alerts", (row) => text((row.alerts || []).join(", "))],
  ], told.objectives || [], "None is configured.")],
  ["quality", "Quality, as callers and checks say", (told) => table(`Of the last ${number(told.hours)} hours`, [
    ["model", ([name]) => name], ["callers who told", ([, row]) => number(row.told), "n"], ["mean score, 0 to 1", ([, row]) => number(row.score, 3), "n"], ["this hour", ([, row]) => number(row.last_hour, 3), "n"],
    ["answers of the cache checked", ([, row]) => number(row.checked), "n"], ["wrong", ([, row]) => number(row.wrong), "n"], ["share of wrong ones", ([, row]) => share(row.wrong_share, 2), "n"],
  ], Object.entries(told.models || {}), "Nobody has told yet (POST /v1/feedback).")],
  ["report", "Report, of a day", (told) => [
    plain(scalars(told.summary)),
    table("Trends, against the day before", [["measure", (row) => row.name || row.measure], ["told", (row) => facts(row, ["name", "measure"])]], told.trends || [], "Too little is known."),
    told.absent && Object.keys(told.absent).length ? plain(told.absent) : null,
  ]],
];

// What has no table of its own yet, still in words.
const facts = (row, without = []) => text(Object.entries(row).filter(([name, value]) => !without.includes(name) && value !== null && typeof value !== "object").map(([name, value]) => `${name} ${typeof value === "number" ? number(value, 4) : value}`).join(" · "), 1000);
const scalars = (told) => Object.fromEntries(Object.entries(told || {}).filter(([, value]) => typeof value !== "object"));
const plain = (told) => h("div", { class: "card" }, h("dl", { class: "facts" }, Object.entries(told).map(([name, value]) => [h("dt", null, name.replaceAll("_", " ")), h("dd", null, typeof value === "number" ? number(value, 4) : text(typeof value === "object" ? JSON.stringify(value) : value, 2000))])));

export const findings = {
  path: "findings", title: "Findings", json: PARTS.map(([name]) => "/admin/v1/" + name),
  mount(root, context) {
    for (const [name, title, show] of PARTS) {
      const place = h("div", { "data-part": name });
      root.append(h("h2", null, title), place);
      context.every(place, async () => show(await context.get("/admin/v1/" + name)), 10);
    }
  },
};
