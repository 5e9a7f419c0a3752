import type { Member } from "../support/crew.ts";
import type { Wire } from "../support/wire.ts";
import { anyone, type FaultKind, type Scene, type Strike } from "./scene.ts";

// Faults of workers, services and customers, and of their ways to the servers.

const BOTH = ["single", "cluster"] as const;

type Role = "worker" | "service";

function of(
  role: Role,
  name: string,
  weight: number,
  strike: (scene: Scene, member: Member) => Promise<Omit<Strike, "target" | "hits">>,
): FaultKind {
  return {
    name: `${role}-${name}`,
    modes: BOTH,
    scope: "members",
    weight,
    strike: async (scene) => {
      const member = anyone(scene, role);
      if (member === null) return null;
      const struck = await strike(scene, member);
      return { ...struck, target: member.id, hits: role === "worker" ? [member.id] : [] };
    },
  };
}

const kill = (role: Role, weight: number): FaultKind =>
  of(role, "kill", weight, async ({ crew, chance }, member) => {
    await member.kill();
    return { lastsMs: chance.between(0, 500), heal: async () => void (await crew.add(role)) };
  });

/** In good order, as a rolling update does it. */
const stop = (role: Role, weight: number): FaultKind =>
  of(role, "stop", weight, async ({ crew }, member) => {
    const stopping = member.stop();
    return {
      lastsMs: 0,
      look: async () => `${await stopping} in good order`,
      heal: async () => {
        await stopping;
        await crew.add(role);
      },
    };
  });

/** It wakes up when its work has long been given to another. */
const freeze = (role: Role, weight: number): FaultKind =>
  of(role, "freeze", weight, async ({ ackWaitMs, chance }, member) => {
    member.freeze();
    return { lastsMs: chance.between(1.3, 2.5) * ackWaitMs, heal: async () => member.thaw() };
  });

function troubled(
  role: Role,
  name: string,
  weight: number,
  lasts: readonly [number, number],
  trouble: (wire: Wire, scene: Scene) => void,
): FaultKind {
  return of(role, name, weight, async (scene, { line }) => {
    line.all((wire) => trouble(wire, scene));
    const lastsMs = scene.chance.between(...lasts) * scene.ackWaitMs;
    return { lastsMs, heal: async () => line.all((wire) => wire.heal()) };
  });
}

const clock: FaultKind = of("worker", "clock", 2, async ({ chance }, member) => {
  const offsetMs = Math.round(chance.between(-20_000, 20_000));
  member.shiftClock(offsetMs);
  return {
    lastsMs: chance.between(1_000, 4_000),
    look: async () => `its clock was ${offsetMs} ms ahead`,
    heal: async () => member.shiftClock(0),
  };
});

function customers(name: string, trouble: (wire: Wire) => void): FaultKind {
  return {
    name: `customers-${name}`,
    modes: BOTH,
    scope: "members",
    weight: 1,
    strike: async ({ customers: line, chance }) => {
      line.all(trouble);
      return {
        target: "customers",
        hits: [],
        lastsMs: chance.between(500, 3_000),
        heal: async () => line.all((wire) => wire.heal()),
      };
    },
  };
}

export const MEMBER_FAULTS: readonly FaultKind[] = [
  kill("worker", 4),
  freeze("worker", 3),
  stop("worker", 3),
  troubled("worker", "cut", 2, [0.2, 1.5], (wire) => wire.cut()),
  troubled("worker", "silent", 2, [1.2, 2.5], (wire) => wire.silence()),
  troubled("worker", "slow", 1, [1, 2], (wire, { chance }) => wire.slow(chance.between(50, 400))),
  troubled("worker", "narrow", 1, [1, 2], (wire) => wire.throttle(30_000)),
  clock,
  kill("service", 2),
  freeze("service", 1),
  stop("service", 1),
  troubled("service", "silent", 1, [0.5, 2], (wire) => wire.silence()),
  customers("cut", (wire) => wire.cut()),
  customers("silent", (wire) => wire.silence()),
];
