/** Verbs of the API that change nothing. */
export const READING_VERBS: readonly string[] = [
  "wait",
  "status",
  "result",
  "outputs",
  "errors",
  "metrics",
  "context",
  "history",
  "pending",
  "items",
  "list",
  "workers",
  "backlog",
  "dead-letters",
  "workflows",
];

/** Verbs of the API that change runs which are there. */
export const STEERING_VERBS: readonly string[] = ["cancel", "pause", "resume", "signal", "repair"];

/** Verbs of the API that make runs. Followed by a dot and a workflow's name it is of that workflow only. */
export const STARTING_VERBS: readonly string[] = ["start"];
