// Upstreams: how each is, what routing has learned of it, and why a call would go where.

import { back, stateChip } from "./glance.js";
import { chip, clock, fill, h, number, seconds, table, text } from "./dom.js";

export const upstreams = {
  path: "upstreams", title: "Upstreams", json: ["/admin/v1/upstreams", "/admin/v1/status", "/admin/v1/routes", "/admin/v1/trials"],
  mount(root, context) {
    const place = h("div"), done = h("p", { role: "status" });
    root.append(done, place);
    const change = async (name, verb) => {
      try {
        await context.send(`/admin/v1/upstreams/${encodeURIComponent(name)}/${verb}`, "POST");
        done.textContent = `${name}: ${verb === "drain" ? "gets no new calls" : "gets calls again"}.`;
      } catch (error) { done.textContent = error.message; }
      fill(place, await load());
    };
    const load = async () => {
      const [{ upstreams: rows, live }, trials] = [await context.get("/admin/v1/upstreams"), await context.get("/admin/v1/trials")];
      const now = new Map((context.newest ? context.newest.upstreams : []).map((one) => [one.name, one]));
      const state = (row) => now.get(row.name) || { state: row.draining ? "draining" : "closed", share: 1 };
      return [
        table("Upstreams over all workers", [
          ["upstream", (row) => row.name], ["kind", (row) => row.kind], ["state", (row) => stateChip(state(row))],
          ["returns", (row) => back(state(row), Date.now() / 1000)], ["in flight", (row) => number(row.in_flight), "n"], ["served", (row) => number(row.served), "n"],
          ["weight", (row) => number(row.weight), "n"], ["sessions", (row) => number(row.sessions), "n"], ["prompt pieces cached there", (row) => number(row.blocks), "n"],
          ["first token, learned", (row) => row.learned ? seconds(row.learned.first_token_seconds) : "–", "n"],
          ["tokens a second out", (row) => row.learned && row.learned.seconds_per_token ? number(1 / row.learned.seconds_per_token, 1) : "–", "n"],
          ["models", (row) => text(row.models.join(", "))],
          ["do", (row) => row.kind === null ? "–" : h("button", { type: "button", class: "quiet", "data-key": "drain " + row.name, "aria-label": (row.draining ? "Let calls go again to " : "Drain ") + row.name, onclick: () => change(row.name, row.draining ? "undrain" : "drain") }, row.draining ? "undrain" : "drain")],
        ], rows, "No upstream is configured."),
        live.length ? table("Changed while serving, and not in the config file", [["upstream", (row) => row.upstream], ["change", (row) => text(JSON.stringify(row))]], live) : null,
        Object.keys(trials).length ? table("Versions on trial", [["model", ([name]) => name], ["share", ([, one]) => number(one.share, 2), "n"], ["verdict", ([, one]) => one.verdict], ["why", ([, one]) => one.reason]], Object.entries(trials)) : null,
      ];
    };
    context.every(place, load);
    root.append(explain(context), recorded(context));
  },
};

// Why a call would go where: asked of each worker, nothing is sent.
function explain(context) {
  const model = h("input", { id: "why-model", name: "model", required: true, maxlength: 256, autocomplete: "off" });
  const prompt = h("input", { id: "why-prompt", name: "prompt", value: "Hello", maxlength: 2000, autocomplete: "off" });
  const place = h("div", { "aria-live": "polite" });
  return h("section", { "aria-labelledby": "why" }, h("h2", { id: "why" }, "Why would a call go where?"),
    h("form", { class: "row", onsubmit: async (event) => {
      event.preventDefault();
      try {
        const { workers } = await context.send("/admin/v1/routes", "POST", { model: model.value, messages: [{ role: "user", content: prompt.value }] });
        fill(place, workers.map((one) => [
          h("p", null, "Worker ", number(one.worker), ": ", text(one.asked), " is asked of ", h("strong", null, text(one.winner || "nobody")), " by the strategy ", text(one.strategy), one.session_at ? [", its session is at ", text(one.session_at)] : null, "."),
          table(`Candidates, ${one.largest_wins ? "the largest" : "the smallest"} score wins`, [
            ["upstream", (row) => row.upstream], ["score", (row) => number(row.score, 3), "n"],
            ["terms", (row) => text(Object.entries(row.terms).map(([name, value]) => `${name} ${number(value, 3)}`).join(" · "))],
          ], one.candidates, "None."),
          one.excluded.length ? table("Left out", [["upstream", (row) => row.upstream || row[0]], ["why", (row) => text(row.reason || row.why || JSON.stringify(row))]], one.excluded) : null,
        ]));
      } catch (error) { if (error.name !== "AbortError") fill(place, h("p", { class: "error", role: "alert" }, h("bdi", null, error.message))); }
    } }, h("label", { for: "why-model" }, "Model", model), h("label", { for: "why-prompt" }, "Prompt", prompt), h("button", { type: "submit" }, "Explain")), place);
}

function recorded(context) {
  const place = h("div");
  context.every(place, async () => {
    const { recording, decisions } = await context.get("/admin/v1/routes?last=20");
    if (!recording) return h("p", { class: "lead" }, "The last decisions are not recorded (", h("code", null, "observe.routes"), ").");
    return table("The last decisions", [
      ["at", (row) => clock(row.at)], ["model", (row) => row.entry], ["went to", (row) => row.chosen || "nobody"], ["strategy", (row) => row.strategy],
      ["candidates", (row) => row.candidates.map((one) => [chip(`${one.name}: ${number(one.in_flight)} in flight`), " "])], ["session at", (row) => row.sticky],
    ], decisions, "No call yet.");
  }, 10);
  return h("section", { "aria-labelledby": "last" }, h("h2", { id: "last" }, "Decisions"), place);
}
