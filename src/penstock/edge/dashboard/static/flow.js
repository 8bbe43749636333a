// Streams, batches, and memory accounts: what flows and what is held.

import { meter } from "./chart.js";
import { bytes, chip, h, micros, moment, number, seconds, share, table, text, tile, tiles } from "./dom.js";

const sum = (rows, of) => rows.reduce((total, row) => total + (of(row) || 0), 0);

export const streams = {
  path: "streams", title: "Streams", json: ["/admin/v1/streams"],
  mount(root, context) {
    const live = h("div"), place = h("div");
    root.append(live, place);
    context.heard = ({ streams: now }) => live.replaceChildren(tiles(tile("Open", number(now.open)), tile("Slow readers, held", number(now.slow), null, now.slow ? "warn" : ""), tile("Rescued since the start", number(now.rescued))));
    context.every(place, async () => {
      const { workers } = await context.get("/admin/v1/streams");
      const actions = workers[0].actions.map(([action, reason], at) => [action, reason, sum(workers, (one) => one.actions[at][2])]);
      return [
        table("By how well they are read", [["pressure", ([name]) => name], ["streams", ([, count]) => number(count), "n"]], ["normal", "moderate", "severe"].map((name) => [name, sum(workers, (one) => one.levels[name])])),
        table("What was done to events, since the start", [["what", ([action]) => action], ["why", ([, reason]) => reason.replace("_", " ")], ["events", ([, , count]) => number(count), "n"]], actions),
        table("Kept for callers who lost their connection", [["worker", (row) => number(row.worker)], ["kept", (row) => number(row.resume.kept), "n"], ["running", (row) => number(row.resume.running), "n"], ["taken up again", (row) => number(row.resume.resumed), "n"], ["refused", (row) => number(row.resume.refused), "n"]], workers.filter((one) => one.resume)),
      ];
    });
  },
};

export const batches = {
  path: "batches", title: "Batches", json: ["/admin/v1/jobs", "/admin/v1/batching", "/admin/v1/grouping"],
  mount(root, context) {
    const jobs = h("div"), merged = h("div"), groups = h("div");
    root.append(h("h2", null, "Jobs: files of calls"), jobs, h("h2", null, "Merged calls"), merged, h("h2", null, "Chats that begin alike"), groups);
    context.every(jobs, async () => table("Jobs, the newest first", [
      ["job", (row) => row.id], ["status", (row) => chip(row.status, row.status === "completed" ? "good" : row.status === "failed" ? "bad" : "")], ["model", (row) => row.model], ["key", (row) => row.key],
      ["done", (row) => [share(row.total ? (row.completed + row.failed) / row.total : null, 0), meter(row.total ? (row.completed + row.failed) / row.total : 0, "flow")], "n"], ["lines", (row) => number(row.total), "n"], ["failed", (row) => number(row.failed), "n"],
      ["tokens out", (row) => number(row.tokens_out), "n"], ["cost", (row) => micros(row.micro_dollars), "n"], ["made", (row) => moment(row.created)], ["delegated to", (row) => row.delegated_to],
    ], (await context.get("/admin/v1/jobs")).jobs, "No job was made."));
    context.every(merged, async () => {
      const { workers } = await context.get("/admin/v1/batching");
      return [
        tiles(tile("Waiting", number(sum(workers, (one) => one.waiting))), tile("Callers merged", number(sum(workers, (one) => one.callers))), tile("Calls spared", number(sum(workers, (one) => one.spared))), tile("Waited in all", seconds(sum(workers, (one) => one.wait_seconds)))),
        table("Learned of each model", [["model", (row) => row.model], ["operation", (row) => row.operation], ["a call costs", (row) => seconds(row.fixed_seconds), "n"], ["an item costs", (row) => seconds(row.item_seconds), "n"], ["in flight", (row) => number(row.in_flight), "n"]], workers.flatMap((one) => one.learned)),
      ];
    });
    context.every(groups, async () => {
      const { workers } = await context.get("/admin/v1/grouping");
      return tiles(...[["groups", "Groups"], ["led", "Computed first"], ["released", "Then released"], ["waiting", "Waiting"]].map(([name, says]) => tile(says, number(sum(workers, (one) => one[name])))), tile("Prompt bytes shared", bytes(sum(workers, (one) => one.shared_bytes))));
    });
  },
};

const LEVELS = ["enough", "caches shrink", "low classes are refused", "short"];

export const memory = {
  path: "memory", title: "Memory", json: ["/admin/v1/memory"],
  mount(root, context) {
    const place = h("div");
    root.append(place);
    context.every(place, async () => {
      const { workers } = await context.get("/admin/v1/memory");
      const accounts = workers.flatMap((one) => Object.entries(one.accounts).map(([name, [held, most, peak, refused]]) => ({ worker: one.worker, name, held, most, peak, refused })));
      accounts.sort((a, b) => b.held - a.held);
      return [
        workers.map((one) => tiles(
          tile("Worker " + one.worker, share(one.share), `${bytes(one.rss)} resident of ${bytes(one.limit)} (${one.source})`, one.level > 1 ? "bad" : one.level ? "warn" : ""),
          tile("State", LEVELS[one.level] || "level " + one.level), tile("Held for calls", bytes(one.held)), tile("Calls refused", number(one.refused), null, one.refused ? "warn" : ""),
          one.collector ? tile("Longest pause of the collector", seconds(one.collector.longest)) : null)),
        table("Accounts: what is held for what", [
          ["account", (row) => row.name], ["worker", (row) => number(row.worker), "n"], ["held", (row) => bytes(row.held), "n"], ["of at most", (row) => row.most > 2 ** 50 ? "–" : bytes(row.most), "n"],
          ["share", (row) => [share(row.most ? row.held / row.most : 0), meter(row.held / row.most, row.held > 0.85 * row.most ? "bad" : "")], "n"], ["most ever", (row) => bytes(row.peak), "n"], ["refused", (row) => number(row.refused), "n"],
        ], accounts),
        table("What would help", [["what", (row) => text(row.text || row.what || row.kind || row.name || Object.values(row)[0])], ["told", (row) => text(JSON.stringify(row))]], workers.flatMap((one) => one.suggestions || []), "Nothing stands out."),
      ];
    });
  },
};
