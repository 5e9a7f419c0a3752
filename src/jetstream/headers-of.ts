import { type Msg, type MsgHdrs, MsgHdrsImpl } from "@nats-io/nats-core";

// The client reads headers when they are asked for, and throws where a line is none: a name with a blank in it, a lone
// line feed. Anybody may publish such a message, the server keeps it, and what is thrown into the client's callback
// ends its connection. So headers are read here: a line that is none counts as not there.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Headers of a message, those lines of them that can be read. */
export function headersOf(msg: Msg): MsgHdrs | undefined {
  try {
    return msg.headers;
  } catch {
    return decodeHeaders(headerBytes(msg));
  }
}

/** Reads a header block, those lines of it that can be read. */
export function decodeHeaders(bytes: Uint8Array): MsgHdrs {
  try {
    return MsgHdrsImpl.decode(bytes);
  } catch {
    const [status = "", ...lines] = decoder.decode(bytes).split("\r\n");
    const headers = MsgHdrsImpl.decode(encoder.encode(`${status}\r\n\r\n`));
    for (const line of lines) addLine(headers, line);
    return headers;
  }
}

function addLine(headers: MsgHdrs, line: string): void {
  const colon = line.indexOf(":");
  if (colon < 0) return;
  try {
    headers.append(line.slice(0, colon), line.slice(colon + 1));
  } catch {
    // This line is no header.
  }
}

/** What the client's messages can do, though their interface does not say so. */
type Sized = Msg & { size(): number };

/** The block before the body: both are in one buffer, and the size of a message counts its subjects as well. */
function headerBytes(msg: Msg): Uint8Array {
  const { data, subject, reply = "" } = msg;
  const bytes = (msg as Sized).size() - encoder.encode(subject + reply).length - data.length;
  return new Uint8Array(data.buffer, data.byteOffset - bytes, bytes);
}
