/** What the record itself holds: something may be called `constructor`, which every object has from elsewhere. */
export const ownOf = <T>(record: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined;
