import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mergedPage, type ReadPage } from "../../src/client/partition-pages.ts";
import type { Page } from "../../src/index.ts";

interface Item {
  readonly id: string;
  readonly at: string;
}

const timeOf = (n: number): string => new Date(n).toISOString();

/** Lists that can be read as partitions are. @param most - entries that a page has at most */
function lists(most = Number.POSITIVE_INFINITY): ReadPage<readonly Item[], Item> {
  return async (items, limit, cursor) => {
    const from = cursor === null ? 0 : items.findIndex(({ id }) => id === cursor) + 1;
    const shown = items.slice(from, from + Math.min(limit, most));
    const isLast = from + shown.length >= items.length;
    return { items: shown, cursor: isLast ? null : (shown.at(-1)?.id ?? cursor) };
  };
}

async function everything(
  all: readonly (readonly Item[])[],
  limit: number,
  read: ReadPage<readonly Item[], Item>,
) {
  const pages: (readonly Item[])[] = [];
  for (let cursor: string | null = null; ; ) {
    const page: Page<Item> = await mergedPage(all, { limit, cursor }, read, ({ at }) => at);
    pages.push(page.items);
    cursor = page.cursor;
    if (cursor === null) return pages;
  }
}

/** Items of some partitions, each newest first. */
const partitions = fc
  .array(fc.array(fc.nat(50), { maxLength: 20 }), { minLength: 1, maxLength: 5 })
  .map((times) =>
    times.map((ofOne, p) =>
      ofOne.sort((a, b) => b - a).map((time, i) => ({ id: `${p}-${i}`, at: timeOf(time) })),
    ),
  );

describe("pages over partitions", () => {
  test("show each item once, newest first, in pages that are full", async () => {
    await fc.assert(
      fc.asyncProperty(partitions, fc.integer({ min: 1, max: 12 }), async (all, limit) => {
        const pages = await everything(all, limit, lists());
        const shown = pages.flat();
        expect(shown.map(({ id }) => id).sort()).toEqual(
          all
            .flat()
            .map(({ id }) => id)
            .sort(),
        );
        const times = shown.map(({ at }) => at);
        expect(times).toEqual(times.toSorted().reverse());
        for (const page of pages.slice(0, -1)) expect(page).toHaveLength(limit);
      }),
    );
  });

  test("are short, but right, where partitions give short ones", async () => {
    await fc.assert(
      fc.asyncProperty(partitions, fc.integer({ min: 1, max: 12 }), async (all, limit) => {
        const shown = (await everything(all, limit, lists(2))).flat();
        expect(shown).toHaveLength(all.flat().length);
        const times = shown.map(({ at }) => at);
        expect(times).toEqual(times.toSorted().reverse());
      }),
    );
  });

  test("keep a partition's own order where times say another one, and hold back nothing for it", async () => {
    const moved = { id: "moved", at: timeOf(1) };
    const all = [
      [moved, { id: "b", at: timeOf(9) }, { id: "d", at: timeOf(5) }],
      [
        { id: "a", at: timeOf(10) },
        { id: "c", at: timeOf(7) },
      ],
    ];
    const shown = (await everything(all, 2, lists())).flat();
    expect(shown.map(({ id }) => id)).toEqual(["a", "moved", "b", "c", "d"]);
  });

  test("skip nothing when an item moves away between the two reads of a partition", async () => {
    const items = [4, 3, 2, 1].map((n) => ({ id: `${n}`, at: timeOf(n) }));
    const others = [8, 7].map((n) => ({ id: `${n}`, at: timeOf(n) }));
    let reads = 0;
    const read: ReadPage<readonly Item[], Item> = (partition, limit, cursor) => {
      if (partition === items && ++reads === 2) items.shift();
      return lists()(partition, limit, cursor);
    };
    const pages = await everything([items, others], 3, read);
    expect(pages.flat().map(({ id }) => id)).toEqual(["8", "7", "3", "2", "1"]);
  });

  test("ask a partition no more that has come to its end", async () => {
    const asked: number[] = [];
    const all = [
      [{ id: "a", at: timeOf(9) }],
      [3, 2, 1].map((n) => ({ id: `${n}`, at: timeOf(n) })),
    ];
    const read: ReadPage<readonly Item[], Item> = (partition, limit, cursor) => {
      asked.push(all.indexOf(partition as Item[]));
      return lists()(partition, limit, cursor);
    };
    const { cursor } = await mergedPage(all, { limit: 2, cursor: null }, read, ({ at }) => at);
    asked.length = 0;
    await mergedPage(all, { limit: 2, cursor }, read, ({ at }) => at);
    expect(asked).toEqual([1]);
  });

  test.each([
    ["text", "no cursor"],
    ["another number of partitions", Buffer.from('["",null]').toString("base64url")],
    ["other JSON", Buffer.from('[1,"",""]').toString("base64url")],
  ])("refuse a cursor that is %s", async (_what, cursor) => {
    await expect(
      mergedPage([[], [], []], { limit: 2, cursor }, lists(), ({ at }) => at),
    ).rejects.toMatchObject({ code: "validation" });
  });
});
