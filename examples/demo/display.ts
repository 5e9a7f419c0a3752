/** How far the demo is. */
export interface Progress {
  readonly workflows: readonly {
    readonly name: string;
    readonly done: number;
    readonly total: number;
  }[];
  readonly workers: readonly {
    readonly name: string;
    readonly state: string;
    readonly executed: number;
  }[];
}

/** Where the demo tells what it does. */
export interface Display {
  say(line: string): void;
  /** For what workers write to their standard error. */
  complain(line: string): void;
  progress(progress: Progress): void;
}

const BAR = 30;

/** For `--json`: standard output is for the document alone. */
export const quiet: Display = {
  say: () => {},
  complain: (line) => console.error(line),
  progress: () => {},
};

/** For files and pipes: a line for each tenth of the way. */
export function plainDisplay(write: (text: string) => void): Display {
  let tenths = 0;
  return {
    say: (line) => write(`${line}\n`),
    complain: (line) => console.error(line),
    progress: (progress) => {
      const { done, total } = sumOf(progress);
      const now = Math.floor((10 * done) / total);
      if (now <= tenths) return;
      tenths = now;
      write(`  ${done} of ${total} runs have ended\n`);
    },
  };
}

/** For terminals: a table that is drawn again and again, with what is said above it. */
export function terminalDisplay(write: (text: string) => void): Display {
  let table = "";
  const clear = (): string => {
    const lines = table.split("\n").length - 1;
    return lines === 0 ? "" : `\x1b[${lines}A\x1b[J`;
  };
  const say = (line: string): void => write(`${clear()}${line}\n${table}`);
  return {
    say,
    complain: say,
    progress: (progress) => {
      const before = clear();
      table = tableOf(progress);
      write(before + table);
    },
  };
}

function tableOf(progress: Progress): string {
  const { workflows, workers } = progress;
  const lines = [...workflows, { name: "all", ...sumOf(progress) }].map(({ name, done, total }) => {
    const full = total === 0 ? BAR : Math.floor((BAR * done) / total);
    const bar = "#".repeat(full) + ".".repeat(BAR - full);
    return `  ${name.padEnd(12)} ${bar} ${String(done).padStart(4)} of ${total}`;
  });
  for (const { name, state, executed } of workers) {
    lines.push(
      `  ${name.padEnd(12)} ${state.padEnd(BAR)} ${String(executed).padStart(4)} executed`,
    );
  }
  return `${lines.join("\n")}\n`;
}

function sumOf({ workflows }: Progress): { readonly done: number; readonly total: number } {
  return {
    done: workflows.reduce((sum, { done }) => sum + done, 0),
    total: workflows.reduce((sum, { total }) => sum + total, 0),
  };
}
