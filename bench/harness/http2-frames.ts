// HTTP/2 as far as a load generator of unary gRPC calls needs it: frames out and in, headers written plainly and never read.

/** The frame types that mean something here. */
export const frameType = { data: 0, headers: 1, rstStream: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;

export const flagEndStream = 1;
export const flagAck = 1;
const flagEndHeaders = 4;

/** One frame. */
export interface Frame {
  type: number;
  flags: number;
  stream: number;
  payload: Buffer;
}

/** A frame as it goes over the wire. */
export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** What a connection begins with: the preface, and windows so large that they are never used up by the answers of a run. */
export function clientPreface(): Buffer {
  const largest = 2 ** 31 - 1;
  const settings = Buffer.alloc(6);
  settings.writeUInt16BE(4, 0);
  settings.writeUInt32BE(largest, 2);
  const update = Buffer.alloc(4);
  update.writeUInt32BE(largest - 65_535);
  return Buffer.concat([
    Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    frame(frameType.settings, 0, 0, settings),
    frame(frameType.windowUpdate, 0, 0, update),
  ]);
}

/** The HEADERS of a gRPC call: names by their number in HPACK's static table where they have one, values as they are. */
export function grpcHeaders(path: string, authority: string): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value, "latin1")]);
  if (path.length > 126 || authority.length > 126) throw new Error("Values of more than 126 bytes are not written here.");
  const block = Buffer.concat([
    Buffer.from([0x83, 0x86, 0x04]), // POST, http, :path
    text(path),
    Buffer.from([0x01]), // :authority
    text(authority),
    Buffer.from([0x0f, 0x10]), // content-type
    text("application/grpc"),
    Buffer.from([0x00]),
    text("te"),
    text("trailers"),
  ]);
  return frame(frameType.headers, flagEndHeaders, 0, block);
}

/** Puts the number of a stream into a frame that is there already. */
export function setStream(bytes: Buffer, frameStart: number, stream: number): void {
  bytes.writeUInt32BE(stream, frameStart + 5);
}

/** Cuts what arrives into frames. */
export function createFrameReader(onFrame: (frame: Frame) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (bytes.length - at >= 9) {
      const end = at + 9 + bytes.readUIntBE(at, 3);
      if (bytes.length < end) break;
      onFrame({
        type: bytes[at + 3] ?? 0,
        flags: bytes[at + 4] ?? 0,
        stream: bytes.readUInt32BE(at + 5) & 0x7fffffff,
        payload: bytes.subarray(at + 9, end),
      });
      at = end;
    }
    rest = bytes.subarray(at);
  };
}
