import type { Crew, Member } from "./crew.ts";
import type { FaultType, PlannedFault } from "./scenario.ts";
import { NAMES, type World } from "./world.ts";

/** Has something go wrong now, and end when its time is over. */
export function strike(crew: Crew, { type, target, lasts }: PlannedFault): void {
  const member = crew.members[target % crew.members.length];
  if (member !== undefined) strikeAt(crew, member, type, lasts);
}

/** As {@link strike}, for one process. */
export function strikeAt(crew: Crew, member: Member, type: FaultType, lasts: number): void {
  const { process } = member;
  const { world } = crew;
  const { time } = world;
  switch (type) {
    case "kill":
      crew.replace(member, lasts);
      break;
    case "stop":
      crew.do(crew.stop(member, lasts));
      break;
    case "stall":
      process.stall();
      time.at(time.now + lasts, () => process.wake());
      break;
    case "cut":
      process.connection.cut();
      time.at(time.now + lasts, () => process.connection.heal());
      break;
    case "delay":
      world.delay(process, lasts);
      break;
    case "late":
      world.delay(process, lasts);
      confuse(world, "late");
      break;
    case "slow":
      world.hold(lasts);
      break;
    case "restart":
      restart(crew);
      break;
    case "reboot":
      crew.replace(member, lasts);
      restart(crew);
      break;
    default:
      confuse(world, type);
  }
}

function restart({ world, members }: Crew): void {
  const { server, time, random } = world;
  server.restart();
  for (const { process } of members) {
    time.at(time.now + 10 + random.below(200), () => process.connection.heal());
  }
}

type Confusion = Extract<FaultType, "again" | "late" | "amnesia" | "forget">;

function confuse({ server, random }: World, type: Confusion): void {
  const all = [...(server.streams.get(NAMES.workStream)?.consumers.values() ?? [])];
  const consumers = type === "amnesia" ? all : all.filter(({ isInHands }) => isInHands);
  if (consumers.length === 0) return;
  const consumer = random.pick(consumers);
  const choose = (seqs: readonly number[]): number => random.pick(seqs);
  if (type === "amnesia") consumer.forgetAll();
  else if (type === "forget") consumer.forgetOne(choose);
  else consumer.giveAgain(type === "again" ? choose : null);
}
