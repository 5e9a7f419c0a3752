import { cut, printable, widthOf } from "./printable.ts";
import type { Style } from "./style.ts";
import { styled } from "./style.ts";

/** One column of a table. */
export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  readonly style?: (row: Row) => Style | undefined;
  /** Numbers stand at the right. @default "left" */
  readonly align?: "left" | "right";
  /** May be cut where the line is too narrow; the widest such column gives first. @default false */
  readonly gives?: boolean;
}

const GAP = "  ";
/** Narrower than this says nothing. */
const NARROWEST = 8;

/**
 * An aligned table with a line of titles, each line without blanks at its end.
 *
 * @param width - characters in a line; null for no limit
 */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  { width, colors }: { readonly width: number | null; readonly colors: boolean },
): string {
  const cells = rows.map((row) => columns.map(({ cell }) => printable(cell(row))));
  const natural = columns.map(({ title }, index) =>
    Math.max(widthOf(title), ...cells.map((line) => widthOf(line[index] ?? ""))),
  );
  const widths = fitted(columns, natural, width);
  const line = (texts: readonly string[], styleAt: (index: number) => Style | undefined): string =>
    texts
      .map((text, index) => {
        const space = widths[index] ?? 0;
        const short = cut(text, space);
        const blank = " ".repeat(space - widthOf(short));
        const shown = styled(short, styleAt(index), colors);
        return columns[index]?.align === "right" ? blank + shown : shown + blank;
      })
      .join(GAP)
      .trimEnd();
  const titles = columns.map(({ title }) => title);
  return [
    line(titles, () => "bold"),
    ...rows.map((row, at) => line(cells[at] ?? [], (index) => columns[index]?.style?.(row))),
  ]
    .map((text) => `${text}\n`)
    .join("");
}

/** Widths that fit into the line, as far as columns may give. */
function fitted<Row>(
  columns: readonly Column<Row>[],
  natural: readonly number[],
  width: number | null,
): number[] {
  const widths = [...natural];
  if (width === null) return widths;
  const gaps = GAP.length * (columns.length - 1);
  let excess = widths.reduce((sum, one) => sum + one, gaps) - width;
  while (excess > 0) {
    const widest = columns.reduce(
      (best, { gives }, index) =>
        gives === true && (widths[index] ?? 0) > (widths[best] ?? NARROWEST) ? index : best,
      -1,
    );
    if (widest === -1) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess -= 1;
  }
  return widths;
}

/** Names and values below each other. */
export function block(
  fields: readonly (readonly [name: string, value: string, style?: Style | undefined])[],
  colors: boolean,
): string {
  const width = Math.max(...fields.map(([name]) => name.length));
  return fields
    .map(([name, value, style]) => {
      const title = styled(name.padEnd(width), "dim", colors);
      return `${title}${GAP}${styled(printable(value), style, colors)}\n`;
    })
    .join("");
}
