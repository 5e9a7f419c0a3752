import type { Crew } from "./crew.ts";
import type { PlannedFault } from "./scenario.ts";
import { NAMES, type World } from "./world.ts";

/** Has something go wrong now, and end when its time is over. */
export function strike(crew: Crew, { type, target, lasts }: PlannedFault): void {
  const member = crew.members[target % crew.members.length];
  if (member === undefined) return;
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
      world.delay(process, lasts % 1_000);
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

function confuse({ server, random }: World, type: "again" | "amnesia" | "forget"): void {
  const consumers = [...(server.streams.get(NAMES.workStream)?.consumers.values() ?? [])];
  if (consumers.length === 0) return;
  const consumer = random.pick(consumers);
  const choose = (seqs: readonly number[]): number => random.pick(seqs);
  if (type === "amnesia") consumer.forgetAll();
  else if (type === "again") consumer.giveAgain(choose);
  else consumer.forgetOne(choose);
}
