// The optimizer: what it proposes, what it tries, what came of it; and the way back.

import { chip, h, moment, number, share, table, text } from "./dom.js";

const KINDS = { kept: "good", running: "warn", rolled_back: "", failed: "bad", timed_out: "bad", reverted: "" };
const effect = (row) => row.effect === null || row.effect === undefined ? "–" : (row.effect > 0 ? "+" : "") + share(row.effect) + (row.bounds ? ` (${share(row.bounds[0])} to ${share(row.bounds[1])})` : "");
const change = (one) => [h("code", null, text(one.setting)), ": ", text(JSON.stringify(one.old)), " → ", text(JSON.stringify(one.value))];

export const experiments = {
  path: "experiments", title: "Experiments", json: ["/admin/v1/experiments"],
  mount(root, context) {
    const place = h("div"), said = h("p", { role: "status" });
    const load = async () => {
      const told = await context.get("/admin/v1/experiments");
      const running = Array.isArray(told.running) ? told.running : told.running ? [told.running] : [];
      const revert = async (row) => {
        try { await context.send("/admin/v1/experiments/revert", "POST", { id: row.id }); said.textContent = `${row.id} was taken back.`; } catch (error) { said.textContent = error.message; }
      };
      const attempt = async (row) => {
        try { await context.send("/admin/v1/experiments/apply", "POST", { proposal: row.id }); said.textContent = `${row.id} is being tried.`; } catch (error) { said.textContent = error.message; }
      };
      const columns = [
        ["experiment", (row) => row.id], ["state", (row) => chip(row.state.replace("_", " "), KINDS[row.state])], ["change", (row) => change(row.proposal)], ["why", (row) => text(row.proposal.because || row.proposal.description, 600)],
        ["better", (row) => row.proposal.metric], ["not worse", (row) => row.proposal.guard], ["effect", effect, "n"], ["began", (row) => moment(row.began)], ["ended", (row) => moment(row.ended)], ["reason", (row) => text(row.reason, 600)],
        ["do", (row) => ["kept", "running"].includes(row.state) ? h("button", { type: "button", class: "danger", "data-key": "revert " + row.id, "aria-label": "Revert experiment " + row.id, onclick: () => revert(row) }, "revert") : "–"],
      ];
      return [
        h("p", { class: "lead" }, "The optimizer's mode is ", h("strong", null, text(told.mode)), ": ", { off: "it does nothing.", suggest: "it proposes, and changes nothing.", auto: "it tries one change at a time within the bounds of the config, and takes back what does not help." }[told.mode] || ""),
        table("Running", columns, running, "None is running."),
        table("Proposals, by priority and safety", [
          ["proposal", (row) => row.id], ["what", (row) => text(row.description, 600)], ["change", change], ["priority", (row) => chip(row.priority)], ["safety", (row) => chip(row.safety, row.safety === "unsafe" ? "bad" : row.safety === "safe" ? "good" : "warn")],
          ["expected", (row) => share(row.expected), "n"], ["of", (row) => row.metric], ["because", (row) => text(row.because, 600)],
          ["do", (row) => h("button", { type: "button", class: "quiet", "data-key": "try " + row.id, "aria-label": "Try proposal " + row.id, onclick: () => attempt(row) }, "try it")],
        ], told.proposals || [], "None: nothing seems worth a change."),
        (told.settings || []).length ? table("Settings that the optimizer holds", [["key", (row) => h("code", null, text(row.key))], ["value", (row) => row.value], ["before", (row) => row.before], ["experiment", (row) => row.experiment], ["phase", (row) => row.phase]], told.settings) : null,
        table("What was tried", columns, [...(told.journal || [])].sort((a, b) => b.began - a.began), "Nothing yet."),
      ];
    };
    root.append(said, place);
    context.every(place, load);
  },
};
