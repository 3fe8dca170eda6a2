/** Times as people read them in everything we write: in UTC, to the minute, never an age. */
export function clock(at: number): string {
  const iso = new Date(at).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}
