import { Wire } from "./wire.ts";

/** One process's own way to all servers: a wire to each. */
export class Line implements AsyncDisposable {
  readonly wires: readonly Wire[];

  private constructor(wires: readonly Wire[]) {
    this.wires = wires;
  }

  static async to(ports: readonly number[]): Promise<Line> {
    return new Line(await Promise.all(ports.map((port) => Wire.to(port))));
  }

  get urls(): readonly string[] {
    return this.wires.map(({ url }) => url);
  }

  /** Does the same to all wires. */
  all(act: (wire: Wire) => void): void {
    for (const wire of this.wires) act(wire);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.wires.map((wire) => wire[Symbol.asyncDispose]()));
  }
}
