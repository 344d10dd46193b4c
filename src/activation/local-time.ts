const clock = new Intl.DateTimeFormat('en-GB', {
  timeZone: 'Asia/Ho_Chi_Minh',
  ...{ day: '2-digit', month: '2-digit', year: 'numeric' },
  ...{ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' },
});

/** An instant as people in Việt Nam read it, `09:05:00 24/11/2026`; they are told times of their own clock only. */
export function localTime(instant: number): string {
  const { day, month, year, hour, minute, second } = Object.fromEntries(
    clock.formatToParts(instant).map(({ type, value }) => [type, value]),
  );
  return `${hour}:${minute}:${second} ${day}/${month}/${year}`;
}
