// How figures are written.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const tenth = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

// count writes a number of things: in full while that is short.
export function count(n) {
  return n < 100_000 ? whole.format(n) : short.format(n);
}

// rate writes how many per second, with a decimal while that matters.
export function rate(n) {
  return n < 10 ? tenth.format(n) : count(n);
}

const units = ["B", "KiB", "MiB", "GiB", "TiB"];

// bytes writes an amount of memory or data.
export function bytes(n) {
  let unit = 0;
  while (n >= 1000 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  return `${unit > 0 && n < 100 ? tenth.format(n) : whole.format(n)} ${units[unit]}`;
}

// duration writes a number of seconds with its two largest units.
export function duration(seconds) {
  const s = Math.floor(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

// clock writes the time of day.
export function clock(date) {
  return date.toLocaleTimeString("en-GB");
}
