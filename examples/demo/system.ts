import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect } from "@nats-io/transport-node";
import { DistributedOrchestrator, OrchestratorService } from "../../src/index.ts";
import { startNatsServer } from "../../src/jetstream/server/start.ts";
import type { Closers } from "./closers.ts";
import type { Outside } from "./start-runs.ts";
import { WorkerProcess } from "./worker-processes.ts";
import { WORKFLOWS } from "./workflows.ts";

/** How long a message may stay unacknowledged: so soon is the work of a dead worker given to others. */
const ACK_WAIT_MS = 2_500;
/** What each execution waits, as if it called somebody. */
const PACE_MS = 60;
const CONCURRENCY = 8;

const CONFIG = fileURLToPath(new URL("../../nats-server.conf", import.meta.url));

/** Everything that runs in the demo. */
export interface System extends Outside {
  readonly orchestrator: DistributedOrchestrator;
  readonly servers: string;
  readonly serverPid: number;
  /** All workers so far, dead ones too. */
  readonly workers: readonly WorkerProcess[];
  /** Starts one more worker. */
  addWorker(): Promise<WorkerProcess>;
}

/** Starts server, service and workers. What has been started is closed by `closers`, also where this fails half-way. */
export async function startSystem(
  closers: Closers,
  workers: number,
  complain: (line: string) => void,
): Promise<System> {
  const folder = closers.add(await mkdtemp(join(tmpdir(), "floxide-demo-")), (path) =>
    rm(path, { recursive: true, force: true }),
  );
  // A port and a store of its own; the rest as the production configuration says, if it is there.
  const server = closers.add(
    await startNatsServer({
      env: process.env,
      ...(existsSync(CONFIG) ? { configFile: CONFIG } : {}),
    }),
    (one) => one.stop(),
  );
  const servers = server.url;
  const options = { servers, ackWaitMs: ACK_WAIT_MS, workflows: WORKFLOWS };
  const service = closers.add(await OrchestratorService.connect(options), (one) => one.stop());
  await service.start();
  const orchestrator = closers.add(await DistributedOrchestrator.connect(options), (one) =>
    one.close(),
  );
  const nats = closers.add(await connect({ servers }), (one) => one.close());

  const started: WorkerProcess[] = [];
  let numbers = 0;
  const addWorker = async (): Promise<WorkerProcess> => {
    const workerId = `worker-${++numbers}`;
    const task = {
      servers,
      workerId,
      ledger: join(folder, `${workerId}.jsonl`),
      ackWaitMs: ACK_WAIT_MS,
      paceMs: PACE_MS,
      concurrency: CONCURRENCY,
    };
    const worker = await WorkerProcess.start(task, (line) => complain(`${workerId}: ${line}`));
    started.push(closers.add(worker, (one) => one.kill()));
    return worker;
  };
  await Promise.all(Array.from({ length: workers }, addWorker));
  return { nats, orchestrator, servers, serverPid: server.pid, workers: started, addWorker };
}
