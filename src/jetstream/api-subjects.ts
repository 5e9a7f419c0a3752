// Subjects of JetStream's own API that we use. Source: nats-server, server/jetstream_api.go

/** Questions about and changes of a stream as a whole, and the two reads that say in their body what to read. */
export const streamApi = {
  info: (stream: string): string => `$JS.API.STREAM.INFO.${stream}`,
  create: (stream: string): string => `$JS.API.STREAM.CREATE.${stream}`,
  update: (stream: string): string => `$JS.API.STREAM.UPDATE.${stream}`,
  purge: (stream: string): string => `$JS.API.STREAM.PURGE.${stream}`,
  /** Deletes one message, which the body names. */
  deleteMessage: (stream: string): string => `$JS.API.STREAM.MSG.DELETE.${stream}`,
  /** Reads one message from the leader. */
  getMessage: (stream: string): string => `$JS.API.STREAM.MSG.GET.${stream}`,
  /** Reads many messages from any server. */
  getBatch: (stream: string): string => `$JS.API.DIRECT.GET.${stream}`,
  /** Reads the last message on a subject from any server. */
  getLast: (stream: string, subject: string): string => `$JS.API.DIRECT.GET.${stream}.${subject}`,
} as const;

/** Questions about and changes of consumers, and what flows through them. */
export const consumerApi = {
  list: (stream: string): string => `$JS.API.CONSUMER.LIST.${stream}`,
  info: (stream: string, consumer: string): string => `$JS.API.CONSUMER.INFO.${stream}.${consumer}`,
  /** Of one with a name and one filter: the server refuses a body that says otherwise. */
  create: (stream: string, consumer: string, filter: string): string =>
    `$JS.API.CONSUMER.CREATE.${stream}.${consumer}.${filter}`,
  /** Of one without a name, whatever its filters. */
  delete: (stream: string, consumer: string): string =>
    `$JS.API.CONSUMER.DELETE.${stream}.${consumer}`,
  createUnnamed: (stream: string): string => `$JS.API.CONSUMER.CREATE.${stream}`,
  next: (stream: string, consumer: string): string =>
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
  /** Acknowledgements of messages that came through it. */
  acks: (stream: string, consumer: string): string => `$JS.ACK.${stream}.${consumer}.>`,
  /** Answers to the server's question whether one keeps up. */
  flow: (stream: string): string => `$JS.FC.${stream}.>`,
} as const;
