import type { Socket } from 'node:net';
import { KysoError } from '../base/errors.ts';

/** The longest message: 1,000 signatures of 512 bytes in base64 with their wrapping, and room. */
const maxFrame = 2 * 1024 * 1024;

/**
 * Writes one message: 4 bytes of length (big endian), then UTF-8 JSON. What is written in one turn of the event loop goes
 * out together at its end: each system call wakes the other side, and under load many answers come at once.
 * @throws KysoError internal — it is longer than the other side takes; nothing was written, the connection is as it was
 */
export function writeFrame(socket: Socket, message: unknown): void {
  const text = JSON.stringify(message);
  const length = Buffer.byteLength(text);
  if (length > maxFrame) throw new KysoError('internal', `a message of ${length} bytes is too long`);
  const frame = Buffer.allocUnsafe(4 + length);
  frame.writeUInt32BE(length);
  frame.write(text, 4);
  if (socket.writableCorked === 0) {
    socket.cork();
    setImmediate(() => socket.uncork());
  }
  socket.write(frame);
}

/** Calls `onMessage` for each whole message. A frame that is too long or not JSON ends the connection. */
export function readFrames(socket: Socket, onMessage: (message: unknown) => void): void {
  let chunks: Buffer[] = [];
  let size = 0;
  let wanted = 4;
  let body = false;

  socket.on('data', (chunk) => {
    chunks.push(chunk as Buffer);
    size += chunk.length;
    while (size >= wanted && !socket.destroyed) {
      const all = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      const part = all.subarray(0, wanted);
      chunks = [all.subarray(wanted)];
      size = all.length - wanted;
      if (body) {
        wanted = 4;
        if (!deliver(part)) return;
      } else {
        wanted = part.readUInt32BE(0);
        if (wanted > maxFrame) {
          socket.destroy();
          return;
        }
      }
      body = !body;
    }
  });

  function deliver(part: Buffer): boolean {
    try {
      onMessage(JSON.parse(part.toString('utf8')));
      return true;
    } catch {
      socket.destroy();
      return false;
    }
  }
}
