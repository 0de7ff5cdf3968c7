import { Chart } from "./chart.js";
import { Feed } from "./feed.js";
import { bytes, clock, count, duration, rate } from "./format.js";
import { showLoops } from "./loops.js";
import { sendTraffic } from "./traffic.js";

const byId = (id) => document.getElementById(id);
const historyLength = 120;

const formats = {
  connections: count,
  goroutines: count,
  requests_per_second: rate,
  heap_bytes: bytes,
  stack_bytes: bytes,
};

const charts = [
  new Chart(byId("chart-load"), byId("caption-load"), {
    format: count,
    series: [
      { field: "connections", name: "connection", names: "connections", mark: "a" },
      { field: "goroutines", name: "goroutine", names: "goroutines", mark: "b" },
    ],
  }),
  new Chart(byId("chart-requests"), byId("caption-requests"), {
    format: rate,
    series: [{ field: "requests_per_second", name: "a second", mark: "a" }],
  }),
  new Chart(byId("chart-memory"), byId("caption-memory"), {
    format: bytes,
    base: 1024,
    least: 1024 * 1024,
    series: [
      { field: "heap_bytes", name: "heap", mark: "a" },
      { field: "stack_bytes", name: "stacks", mark: "b" },
    ],
  }),
];

let points = [];
let last; // when the last sample came

function toPoint(figures) {
  return { ...figures, seconds: Date.parse(figures.time) / 1000 };
}

function showHistory(history) {
  points = history.map(toPoint);
}

function showSample(sample) {
  last = new Date();
  const point = toPoint(sample);
  if (points.at(-1)?.seconds !== point.seconds) points = [...points, point].slice(-historyLength);
  for (const chart of charts) chart.show(points);
  for (const [figure, format] of Object.entries(formats)) {
    document.querySelector(`dd[data-figure="${figure}"]`).textContent = format(sample[figure]);
  }
  byId("uptime").textContent = duration(sample.uptime_seconds);
  byId("requests").textContent = count(sample.requests);
  showListener(sample.listener);
  if (sample.loops) showLoops(byId("loops"), sample.loops);
}

// showListener follows a server that was started again on the other listener.
function showListener(listener) {
  byId("listener").textContent = listener === "std" ? "the standard library’s listener" : "moor’s listener";
  for (const part of document.querySelectorAll("[data-only]")) part.hidden = part.dataset.only !== listener;
}

const states = { live: "Live", lost: "Connection lost", stopped: "Server stopped", paused: "Paused" };
let wasLost = false;

function showState(state) {
  byId("state").dataset.state = state;
  byId("state-text").textContent = states[state];
  const lost = state === "lost" || state === "stopped";
  document.body.classList.toggle("stale", lost);
  byId("traffic").disabled = lost || sending;
  const banner = byId("banner");
  banner.hidden = !lost;
  if (lost) {
    const what = state === "stopped" ? "The server has stopped." : "The connection to the server is lost.";
    const figures = last ? ` The figures are from ${clock(last)}.` : "";
    banner.textContent = `${what}${figures} This page keeps trying to reconnect.`;
    if (last) for (const chart of charts) chart.freeze(clock(last));
  }
  byId("announcement").textContent = wasLost && state === "live" ? "Connected again." : "";
  wasLost = lost || (wasLost && state !== "live");
}

let sending = false;

byId("traffic").addEventListener("click", async () => {
  const result = byId("traffic-result");
  sending = true;
  byId("traffic").disabled = true;
  result.textContent = "Sending…";
  result.textContent = await sendTraffic("/hello", (text) => { result.textContent = text; });
  sending = false;
  byId("traffic").disabled = document.body.classList.contains("stale");
});

// Only a secure context (HTTPS or this machine) may write to the clipboard.
if (navigator.clipboard) {
  for (const button of document.querySelectorAll(".copy")) {
    const command = button.previousElementSibling.textContent;
    button.hidden = false;
    button.setAttribute("aria-label", `Copy ${command}`);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(command);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }
}

new Feed("/events", { onHistory: showHistory, onSample: showSample, onState: showState });
