// Requests from this page, so that there is something to see.

import { count } from "./format.js";

const duration = 5000; // ms
const lanes = 4; // requests at a time; browsers allow six HTTP/1 connections

// sendTraffic asks for address again and again for a while. It calls
// onProgress(text) as it goes, and returns what came of it.
export async function sendTraffic(address, onProgress) {
  const began = performance.now();
  const result = { answered: 0, failed: 0, slowest: 0 };
  const progress = setInterval(() => onProgress(`${count(result.answered)} answered…`), 250);
  await Promise.all(Array.from({ length: lanes }, () => lane(address, began + duration, result)));
  clearInterval(progress);
  const seconds = (performance.now() - began) / 1000;
  const failures = result.failed ? `, ${count(result.failed)} failed` : "";
  return `${count(result.answered)} answered in ${seconds.toFixed(1)} s${failures}: ` +
    `${count(result.answered / seconds)} a second, the slowest in ${Math.ceil(result.slowest)} ms.`;
}

async function lane(address, end, result) {
  while (performance.now() < end) {
    const began = performance.now();
    try {
      const response = await fetch(address, { cache: "no-store" });
      await response.text();
      if (!response.ok) throw new Error(response.statusText);
      result.answered++;
      result.slowest = Math.max(result.slowest, performance.now() - began);
    } catch {
      result.failed++;
      await new Promise((wake) => setTimeout(wake, 250)); // it won't be better at once
    }
  }
}
