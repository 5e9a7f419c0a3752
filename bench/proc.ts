// What the operating system says of a process. Linux only: elsewhere the figures that need it are left out.

import { readFileSync } from "node:fs";

// `getconf CLK_TCK`: 100 on every Linux that Node runs on.
const TICKS_PER_SECOND = 100;

/** CPU that a process has used since it began, in milliseconds, to the next 10. Null where it cannot be known. */
export function cpuMsOf(pid: number): number | null {
  const stat = read(`/proc/${pid}/stat`);
  // The second field is the program's name in parentheses, which may itself have spaces.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [user, system] = [fields?.[11], fields?.[12]];
  if (user === undefined || system === undefined) return null;
  return ((Number(user) + Number(system)) * 1_000) / TICKS_PER_SECOND;
}

/** Resident memory of a process now, in bytes. Null where it cannot be known. */
export function rssBytesOf(pid: number): number | null {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? "")?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) * 1_024;
}

function read(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}
