import { cpus } from "node:os";
import { connect } from "@nats-io/transport-node";
import { readOptions, refuse } from "../proof/support/options.ts";
import { DistributedOrchestrator } from "../src/index.ts";
import type { Figure } from "./scenarios.ts";
import { scenarios } from "./scenarios.ts";
import { startServer, WorkerProcess } from "./system.ts";
import { chain, fan, single } from "./workflows.ts";

const USAGE = "npm run bench -- [--only A,B] [--rounds 5] [--json]";
const values = readOptions(USAGE, {
  only: { type: "string", default: Object.keys(scenarios).join(",") },
  rounds: { type: "string", default: "5" },
  json: { type: "boolean", default: false },
});
const wanted = values.only.split(",").map((name) => name.trim().toUpperCase());
const unknown = wanted.filter((name) => scenarios[name] === undefined);
if (unknown.length > 0) {
  refuse(
    `no scenario ${unknown.join(", ")}; there are ${Object.keys(scenarios).join(", ")}`,
    USAGE,
  );
}

const server = await startServer();
const nc = await connect({ servers: server.url });
const orchestrator = await DistributedOrchestrator.connect({
  servers: server.url,
  workflows: [chain, fan, single],
});
const worker = await WorkerProcess.start(server.url);
const figures: Figure[] = [];
try {
  for (const name of wanted) {
    if (!values.json) console.error(`${name} …`);
    const scenario = scenarios[name];
    if (scenario)
      figures.push(
        ...(await scenario({
          url: server.url,
          nc,
          orchestrator,
          worker,
          rounds: Number(values.rounds),
        })),
      );
  }
} finally {
  await worker[Symbol.asyncDispose]();
  await orchestrator.close();
  await nc.close();
  await server.stop();
}
const machine = { node: process.version, cores: cpus().length, cpu: cpus()[0]?.model ?? "unknown" };
if (values.json)
  console.log(JSON.stringify({ machine, rounds: Number(values.rounds), figures }, null, 2));
else {
  console.log(
    `node ${machine.node}, ${machine.cores} cores (${machine.cpu}), medians of ${values.rounds} rounds`,
  );
  for (const figure of figures) {
    const raw = figure.raw === null ? "" : `, raw ${figure.raw}`;
    const ratio = figure.ratio === null ? "" : `, ratio ${figure.ratio}`;
    const spread = `${figure.spread[0]}–${figure.spread[1]}`;
    const mark = figure.reached ? "ok  " : "MISS";
    console.log(
      `${mark} ${figure.scenario}  ${figure.what}: ${figure.ours} ${figure.unit} (${spread})${raw}${ratio}  [${figure.goal}]`,
    );
  }
}
