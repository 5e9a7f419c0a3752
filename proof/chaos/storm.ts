import { setTimeout as pause } from "node:timers/promises";
import type { Chance } from "../support/chance.ts";
import type { InjectedFault } from "./recovery.ts";
import type { FaultKind, Scene } from "./scene.ts";
import { settled } from "./server-faults.ts";

export interface StormOptions {
  readonly kinds: readonly FaultKind[];
  /** Milliseconds of quiet between two faults, at most. */
  readonly quietMs: number;
  /** Faults that must have struck before it ends. */
  readonly atLeast: number;
  readonly onFault: (fault: InjectedFault) => void;
}

/** Injects faults by chance: which, whom and when come from the seed. Sometimes a second one strikes meanwhile. */
export class Storm {
  readonly #scene: Scene;
  readonly #options: StormOptions;
  readonly #deck: Deck;
  readonly #faults: InjectedFault[] = [];
  readonly #troubles: string[] = [];
  #count = 0;
  #present = 0;

  constructor(scene: Scene, options: StormOptions) {
    this.#scene = scene;
    this.#options = options;
    this.#deck = new Deck(options.kinds, scene.chance.split());
  }

  get faults(): readonly InjectedFault[] {
    return this.#faults;
  }

  /** What the harness itself could not do. */
  get troubles(): readonly string[] {
    return this.#troubles;
  }

  /** Storms until the time is over and enough has struck; then everything is as it should be. */
  async rage(over: AbortSignal): Promise<void> {
    const { chance } = this.#scene;
    const { quietMs, atLeast } = this.#options;
    while (!over.aborted || this.#faults.length < atLeast) {
      await pause(chance.between(quietMs / 4, quietMs));
      const kind = this.#deck.draw();
      const second = chance.hits(0.2) ? this.#deck.drawOther(kind.scope) : null;
      const apartMs = chance.between(0, 1_000);
      await Promise.all([
        this.#inject(kind),
        second === null ? null : pause(apartMs).then(() => this.#inject(second)),
      ]);
      if (kind.scope === "servers" || second !== null) await this.#settle();
    }
    await this.#mend();
    await this.#settle();
  }

  /** A fault that failed half-way must not stay. */
  async #mend(): Promise<void> {
    const { deployment, customers } = this.#scene;
    customers.all((wire) => wire.heal());
    for (const node of deployment.nodes) {
      deployment.around(node, (wire) => wire.heal());
      if (node.isDown) await this.#heal("mending", () => node.restart());
    }
  }

  async #inject({ name: kind, strike }: FaultKind): Promise<void> {
    const number = ++this.#count;
    const notes: string[] = [];
    const wasAlone = this.#present === 0;
    this.#present += 1;
    const at = now();
    try {
      const struck = await strike(this.#scene);
      if (struck === null) return;
      const { target, hits, lastsMs, look, heal } = struck;
      await pause(lastsMs);
      if (look !== undefined) notes.push(await look());
      await this.#heal(kind, heal);
      const isCrowded = !wasAlone || this.#count !== number;
      const fault = { number, kind, target, at, healedAt: now(), hits, isCrowded, notes };
      this.#faults.push(fault);
      this.#options.onFault(fault);
    } catch (error) {
      this.#troubles.push(`${kind}: ${error}`);
    } finally {
      this.#present -= 1;
    }
  }

  /** What cannot be healed at once (a port that is taken, a server that is slow to come up) is tried again. */
  async #heal(kind: string, heal: () => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await heal();
        return;
      } catch (error) {
        this.#troubles.push(`${kind}, healing: ${error}`);
        if (attempt === 5) throw error;
        await pause(1_000);
      }
    }
  }

  async #settle(): Promise<void> {
    if (await settled(this.#scene, 30_000)) return;
    this.#troubles.push("the servers did not settle within 30 s");
  }
}

/** Milliseconds since the epoch. */
const now = (): number => performance.timeOrigin + performance.now();

/** All kinds by weight, in chance's order: a short storm sees many kinds. */
class Deck {
  readonly #kinds: readonly FaultKind[];
  readonly #chance: Chance;
  #cards: FaultKind[] = [];

  constructor(kinds: readonly FaultKind[], chance: Chance) {
    this.#kinds = kinds;
    this.#chance = chance;
  }

  draw(): FaultKind {
    if (this.#cards.length === 0) {
      const once = this.#chance.shuffled(this.#kinds);
      const again = this.#kinds.flatMap((kind) => Array<FaultKind>(kind.weight - 1).fill(kind));
      // Each kind once, then the rest: from the end of the list.
      this.#cards = [...this.#chance.shuffled(again), ...once];
    }
    const card = this.#cards.pop();
    if (card === undefined) throw new Error("there is no kind of fault");
    return card;
  }

  /** One of another scope; null where there is none. */
  drawOther(scope: FaultKind["scope"]): FaultKind | null {
    const others = this.#kinds.filter((kind) => kind.scope !== scope);
    return others.length === 0 ? null : this.#chance.pick(others);
  }
}
