import { z } from "zod";
import { FloxideError } from "../core/errors.ts";
import { cut } from "../core/issues.ts";
import { jsonOrNull } from "../core/json.ts";
import type { Page } from "../core/ports/stores.ts";

// One page out of a page of each partition, newest first.
//
// P1. Each partition's own order is kept, and each partition's own cursor says how far it was shown. So what a listing of
//     one partition promises holds for all of them together.
// P2. The first read only tells how many come from each partition. Where that is fewer than were read, those few are read
//     again, to get the cursor behind them. What the second read gives is shown: an item that moved between the two is
//     neither skipped nor shown twice.
// P3. Where a partition gave a short page with a cursor, nobody knows yet what it has next. So the page ends there, before
//     an older one of another partition is shown, and is short too.

/** Reads a page of one partition. */
export type ReadPage<One, T> = (
  partition: One,
  limit: number,
  cursor: string | null,
) => Promise<Page<T>>;

/** Where each partition goes on: null at its end, an empty text at its beginning, else its own cursor. */
type Places = readonly (string | null)[];

const PlacesSchema = z.array(z.string().nullable());

/**
 * A page over all partitions.
 *
 * @param at - ISO time of an item, by which partitions are compared
 * @throws FloxideError `validation` for a cursor that is none of this many partitions
 */
export async function mergedPage<One, T>(
  partitions: readonly One[],
  { limit, cursor }: { readonly limit: number; readonly cursor: string | null },
  read: ReadPage<One, T>,
  at: (item: T) => string,
): Promise<Page<T>> {
  const many = partitions.length;
  const places = cursor === null ? Array<string>(many).fill("") : fromCursor(cursor, many);
  const readAt = async (partition: One, index: number, count: number): Promise<Page<T>> => {
    const place = places[index] ?? null;
    if (place === null) return { items: [], cursor: null };
    return read(partition, count, place === "" ? null : place);
  };
  const first = await Promise.all(partitions.map((one, index) => readAt(one, index, limit)));
  const shares = Array<number>(many).fill(0);
  for (const [partition] of newestFirst(first, at)) {
    shares[partition] = (shares[partition] ?? 0) + 1;
    if (sum(shares) === limit) break;
  }
  const pages = await Promise.all(
    partitions.map((one, index) => {
      const page = first[index] as Page<T>;
      const share = shares[index] ?? 0;
      if (share === page.items.length) return page;
      return share > 0 ? readAt(one, index, share) : { items: [], cursor: places[index] ?? null };
    }),
  );
  const ended = pages.map((page) => ({ ...page, cursor: null }));
  return {
    items: [...newestFirst(ended, at)].map(([, item]) => item),
    cursor: toCursor(pages.map((page) => page.cursor)),
  };
}

/** The items with their partitions, for as long as it is known which is the next. */
function* newestFirst<T>(
  pages: readonly Page<T>[],
  at: (item: T) => string,
): Generator<readonly [partition: number, item: T]> {
  const times = pages.map(({ items }) => latestFrom(items.map(at)));
  const shown = pages.map(() => 0);
  const next = (partition: number): string => times[partition]?.[shown[partition] ?? 0] ?? "";
  for (;;) {
    if (pages.some((page, i) => page.cursor !== null && shown[i] === page.items.length)) return;
    const best = pages.reduce((a, _, b) => (next(b) > next(a) ? b : a), 0);
    const place = shown[best] ?? 0;
    const items = pages[best]?.items ?? [];
    if (place >= items.length) return;
    shown[best] = place + 1;
    yield [best, items[place] as T];
  }
}

/** For each place the latest time from there on: what comes behind an item is no newer than it, whatever its own time says. */
function latestFrom(times: readonly string[]): readonly string[] {
  let latest = "";
  return times
    .toReversed()
    .map((time) => {
      latest = time > latest ? time : latest;
      return latest;
    })
    .reverse();
}

const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);

/** The cursor as callers carry it; null where every partition has come to its end. */
function toCursor(places: Places): string | null {
  if (places.every((place) => place === null)) return null;
  return Buffer.from(JSON.stringify(places)).toString("base64url");
}

function fromCursor(cursor: string, partitions: number): Places {
  const text = Buffer.from(cursor, "base64url").toString();
  const parsed = PlacesSchema.length(partitions).safeParse(jsonOrNull(text));
  if (parsed.success) return parsed.data;
  throw new FloxideError(
    "validation",
    `"${cut(cursor, 100)}" is no cursor of a listing over ${partitions} partitions`,
    { cause: parsed.error },
  );
}
