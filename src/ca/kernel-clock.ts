import koffi from 'koffi';

/** What the kernel knows of its clock: whether a time service keeps it, and by how many milliseconds it may be wrong. */
export type KernelClock = { synchronised: boolean; maxError: number };

/** The clock was never set by a time service, was set by hand since, or has been left alone for hours (STA_UNSYNC). */
const unsynchronised = 0x40;

/** Where `maxerror` (long, microseconds) and `status` (int) stand in `struct timex` of 64-bit Linux, which has 208 bytes. */
const offsets = { maxError: 24, status: 40 } as const;

let adjtimex: ((timex: Buffer) => number) | undefined;

/**
 * Reads the state of the kernel's clock with adjtimex(2), which changes nothing while `modes` is 0 and needs no
 * privilege. A process that is kept from asking knows of no time service.
 */
export function kernelClock(): KernelClock {
  adjtimex ??= koffi.load(null).func('int adjtimex(_Inout_ uint8_t *buf)');
  const timex = Buffer.alloc(512);
  if (adjtimex(timex) < 0) return { synchronised: false, maxError: Number.POSITIVE_INFINITY };
  return {
    synchronised: (timex.readInt32LE(offsets.status) & unsynchronised) === 0,
    maxError: Number(timex.readBigInt64LE(offsets.maxError)) / 1000,
  };
}
