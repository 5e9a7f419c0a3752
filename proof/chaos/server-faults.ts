import type { ServerNode } from "../support/server-node.ts";
import type { Wire } from "../support/wire.ts";
import type { FaultKind, Scene, Strike } from "./scene.ts";

// Faults of the servers, and of the network between them.

type Struck = Omit<Strike, "target" | "hits">;

function of(
  name: string,
  modes: FaultKind["modes"],
  weight: number,
  strike: (scene: Scene, node: ServerNode) => Promise<Struck | null>,
  choose: (scene: Scene) => Promise<ServerNode | null> = anyNode,
): FaultKind {
  return {
    name,
    modes,
    scope: "servers",
    weight,
    strike: async (scene) => {
      const node = await choose(scene);
      const struck = node === null ? null : await strike(scene, node);
      return struck === null ? null : { ...struck, target: node?.name ?? "", hits: "all" };
    },
  };
}

async function anyNode({ deployment, chance }: Scene): Promise<ServerNode> {
  return chance.pick(deployment.nodes);
}

/** The node that leads a stream, the work stream or that of the checkpoints. */
async function leader({ deployment, admin, direct, chance }: Scene): Promise<ServerNode | null> {
  const { names } = direct;
  const stream = chance.pick([names.workStream, names.bucketStream("context")]);
  const { cluster } = await admin.jsm.streams.info(stream);
  return deployment.nodes.find(({ name }) => name === cluster?.leader) ?? null;
}

async function killIt({ chance }: Scene, node: ServerNode): Promise<Struck> {
  await node.kill();
  const lastsMs = chance.hits(0.25) ? chance.between(2_000, 5_000) : chance.between(0, 1_000);
  return { lastsMs, heal: () => node.restart() };
}

async function restartIt(_scene: Scene, node: ServerNode): Promise<Struck> {
  await node.restart();
  return { lastsMs: 0, heal: async () => {} };
}

async function freezeIt({ chance }: Scene, node: ServerNode): Promise<Struck> {
  node.freeze();
  return { lastsMs: chance.between(500, 5_000), heal: async () => node.thaw() };
}

/** Another `max_payload` from one start to the next: what the runs need fits, and more is refused at the door. */
async function lowerPayload({ direct }: Scene, node: ServerNode): Promise<Struck> {
  await node.restart({ max_payload: LOW_PAYLOAD_BYTES });
  return {
    lastsMs: 1_500,
    look: () => refusalOfLarge(direct),
    heal: () => node.restart(),
  };
}

const LOW_PAYLOAD_BYTES = 65_536;

/** What a client is told that starts a run whose input is larger than the server takes. */
async function refusalOfLarge(direct: Scene["direct"]): Promise<string> {
  const input = "x".repeat(2 * LOW_PAYLOAD_BYTES);
  const request = { workflow: "fault-chain", runId: "too-large", input, context: {}, version: 1 };
  try {
    await direct.queue.start(request, { infoWritten: false });
    return "a start request that is too large was accepted";
  } catch (error) {
    return `too large: ${String(error).slice(0, 160)}`;
  }
}

/** No byte is left where the server keeps its data; then an operator makes room and starts it anew. */
async function fillDisk({ admin }: Scene, node: ServerNode): Promise<Struck | null> {
  const { disk } = node;
  if (disk === null) return fillLimit(node);
  await disk.fill();
  return {
    lastsMs: 2_000,
    look: async () => `disk of ${node.name} full; the server says: ${await health(admin)}`,
    heal: async () => {
      await disk.free();
      await node.restart();
    },
  };
}

/** Without the right to mount: the nearest thing is a server that may keep nothing more. */
async function fillLimit(node: ServerNode): Promise<Struck> {
  await node.restart({ jetstream: { max_file_store: 1024 } });
  return { lastsMs: 2_000, heal: () => node.restart() };
}

async function health({ nc }: Scene["admin"]): Promise<string> {
  try {
    const answer = await nc.request("$JS.API.INFO", "", { timeout: 1_000 });
    const { error } = answer.json<{ error?: { description: string } }>();
    return error?.description ?? "JetStream answers";
  } catch (error) {
    return String(error);
  }
}

/** A consumer is deleted under the workers: they make another. */
async function deleteConsumer({ admin, direct, chance }: Scene): Promise<Struck> {
  const { names } = direct;
  const workflow = chance.pick(["fault-chain", "fault-fan", "fault-forks", "fault-hold"]);
  const consumer = names.consumer(chance.pick(["start", "work"]), workflow);
  await admin.jsm.consumers.delete(names.workStream, consumer);
  return {
    lastsMs: 0,
    look: async () => `consumer ${consumer} deleted`,
    heal: async () => {},
  };
}

function between(name: string, weight: number, trouble: (wire: Wire) => void): FaultKind {
  return of(name, ["cluster"], weight, async ({ deployment, chance }, node) => {
    deployment.around(node, trouble);
    return {
      lastsMs: chance.between(2_000, 12_000),
      heal: async () => deployment.around(node, (wire) => wire.heal()),
    };
  });
}

async function stepDown({ admin, direct, chance }: Scene): Promise<Struck> {
  const { names } = direct;
  const stream = chance.pick([names.workStream, names.bucketStream("context")]);
  await admin.nc.request(`$JS.API.STREAM.LEADER.STEPDOWN.${stream}`, "", { timeout: 2_000 });
  return { lastsMs: 0, look: async () => `leader of ${stream}`, heal: async () => {} };
}

/** Two of three: what is left cannot decide anything. */
async function killMost({ deployment, chance }: Scene, node: ServerNode): Promise<Struck> {
  const two = [node, chance.pick(deployment.nodes.filter((other) => other !== node))];
  await Promise.all(two.map((one) => one.kill()));
  return {
    lastsMs: chance.between(500, 4_000),
    heal: async () => {
      await Promise.all(two.filter(({ isDown }) => isDown).map((one) => one.restart()));
    },
  };
}

/** One after the other, each when the one before is back in the cluster. */
async function rollingRestart(scene: Scene): Promise<Struck> {
  for (const node of scene.deployment.nodes) {
    await node.restart();
    await settled(scene, 20_000);
  }
  return { lastsMs: 0, heal: async () => {} };
}

export const SERVER_FAULTS: readonly FaultKind[] = [
  of("server-kill", ["single"], 3, killIt),
  of("server-restart", ["single"], 2, restartIt),
  of("server-freeze", ["single", "cluster"], 2, freezeIt),
  of("server-payload", ["single"], 1, lowerPayload),
  of("disk-full", ["single", "cluster"], 1, fillDisk),
  of("consumer-deleted", ["single", "cluster"], 1, deleteConsumer),
  of("node-kill", ["cluster"], 2, killIt),
  of("majority-kill", ["cluster"], 1, killMost),
  of("node-restart", ["cluster"], 1, restartIt),
  of("leader-kill", ["cluster"], 3, killIt, leader),
  of("leader-stepdown", ["cluster"], 2, stepDown),
  of("rolling-restart", ["cluster"], 1, rollingRestart),
  between("route-silent", 2, (wire) => wire.silence()),
  between("route-cut", 2, (wire) => wire.cut()),
];

/** Waits until every stream has a leader and all its copies are current, but no longer than that. */
export async function settled(scene: Scene, withinMs: number): Promise<boolean> {
  const { admin, deployment } = scene;
  const deadline = performance.now() + withinMs;
  while (performance.now() < deadline) {
    try {
      const infos = await admin.jsm.streams.list().next();
      const ok = infos.every(({ cluster }) => {
        if (deployment.mode === "single") return true;
        const replicas = cluster?.replicas ?? [];
        return cluster?.leader !== undefined && replicas.every(({ current }) => current);
      });
      if (ok && infos.length > 0) return true;
    } catch {
      // Not yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return false;
}
