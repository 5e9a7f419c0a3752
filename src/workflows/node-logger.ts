/** Writes one log line: a message, or fields and a message. */
interface LogLine {
  (message: string): void;
  (fields: object, message?: string): void;
}

/** What node code logs to. Each line carries the ids of run, item and attempt. A pino logger fits as it is. */
export interface NodeLogger {
  readonly debug: LogLine;
  readonly info: LogLine;
  readonly warn: LogLine;
  readonly error: LogLine;
}
