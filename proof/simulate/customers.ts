import { isFloxideError } from "../../src/core/errors.ts";
import type { Orchestrator } from "../../src/orchestrator/orchestrator.ts";
import { type AskedRun, loosen, resuming } from "./asked-run.ts";
import { Violation } from "./checks.ts";
import type { Crew } from "./crew.ts";
import type { SimProcess } from "./process.ts";
import { MAYBE, PAYLOAD, SIGNAL } from "./program.ts";
import type { CommandType } from "./scenario.ts";
import { NAMES } from "./world.ts";

/** Asks for the run until somebody says that it is accepted. */
export async function start(crew: Crew, run: AskedRun): Promise<void> {
  const { runId, planned } = run;
  const workflow = `flow${planned.program}`;
  for (;;) {
    const member = crew.pickOrchestrator();
    if (member !== null) {
      const { process, orchestrator } = member;
      const started =
        planned.via === "client"
          ? orchestrator?.startRun(workflow, planned.input, { runId })
          : publish(process, workflow, runId, planned.input);
      // Killed on the way: whoever wants the run asks again.
      const answer = await process.unlessKilled(Promise.resolve(started));
      if (answer !== null) break;
    }
    await crew.world.sleep(300);
  }
  run.isAccepted = true;
}

/**
 * Gives a command, and notes what holds from the moment that it returns.
 *
 * @param name - of the signal, where that is known
 * @returns what became of it
 */
export async function command(
  crew: Crew,
  run: AskedRun,
  type: CommandType,
  name: string | null = null,
): Promise<string> {
  const member = crew.pickOrchestrator();
  if (member?.orchestrator == null) return "nobody is there";
  const { process, orchestrator } = member;
  if (type === "cancel") run.cancels += 1;
  if (type === "resume") resuming(run);
  if (type === "resume" || type === "signal") crew.world.moved.add(run.runId);
  const { resumes, openResumes } = run;
  const since = crew.world.time.now;
  run.open += 1;
  if (type === "resume") run.openResumes += 1;
  const done = await process.unlessKilled(
    refusedOrDone(
      type === "signal" ? signal(run, orchestrator, name) : orchestrator[type](run.runId),
    ),
  );
  if (done === null) return "its process is killed";
  run.open -= 1;
  if (type === "resume") run.openResumes -= 1;
  if (!done) return "refused";
  // Nobody waits for a worker that looks dead.
  if (type !== "signal" && crew.world.hasLookedDead(since)) loosen(run);
  const isCertain = openResumes === 0 && run.resumes === resumes;
  if (type === "pause" && isCertain) run.isPaused = true;
  if (type === "cancel") cancelled(crew, run);
  return "done";
}

/** A signal that the run waits for, or may; some are sent twice. */
function signal(run: AskedRun, orchestrator: Orchestrator, wanted: string | null): Promise<void> {
  const count = run.signals++;
  const any = count % 2 === 0 ? SIGNAL : MAYBE;
  const name = wanted === SIGNAL || wanted === MAYBE ? wanted : any;
  return orchestrator.signal(run.runId, name, PAYLOAD, { signalId: `${name}${count >> 1}` });
}

/** A cancel has returned. */
function cancelled({ world }: Crew, { runId, open, isUnheard }: AskedRun): void {
  world.ledgers.fence(runId);
  // Another command, or a worker that is cut off, may be about to queue something; it will not be executed.
  if (open > 0 || isUnheard) return;
  const queued = world.queuedOf(runId);
  if (!world.mayRepair) world.fenced.add(runId);
  if (queued > 0) world.fail(new Violation("fence", `${queued} messages of ${runId} are left`));
}

/** True where it was done, false where the run is in no state for it or not there (any more). */
export async function refusedOrDone(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (isFloxideError(error, "illegal_state") || isFloxideError(error, "not_found")) return false;
    throw error;
  }
}

/** Asks for a run as anybody can, until the request is acknowledged. */
async function publish(
  process: SimProcess,
  workflow: string,
  runId: string,
  input: number,
): Promise<true> {
  const client = process.connection.asClient;
  const headers = { toString: () => `NATS/1.0\r\nNats-Msg-Id: ${runId}\r\n\r\n` };
  for (;;) {
    try {
      await client.request(NAMES.start(workflow), JSON.stringify({ input }), {
        timeout: 2_000,
        headers: headers as never,
      });
      return true;
    } catch {
      // No answer: it may be there or not, and the message id tells.
    }
  }
}
