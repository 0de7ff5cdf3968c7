import { Chart } from "./chart.js";
import { Feed } from "./feed.js";
import { bytes, clock, count, duration, rate } from "./format.js";
import { closeIdle, openIdle } from "./idle.js";
import { showLoops } from "./loops.js";
import { sendTraffic } from "./traffic.js";

const byId = (id) => document.getElementById(id);
const historyLength = 120;
const fewest = 100; // connections, for a figure per connection

const formats = {
  connections: count,
  parked: count,
  active: count,
  bytes_per_connection: bytes,
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
      { field: "parked", name: "parked", mark: "c" },
      { field: "goroutines", name: "goroutine", names: "goroutines", mark: "b" },
    ],
  }),
  new Chart(byId("chart-share"), byId("caption-share"), {
    format: bytes,
    base: 1024,
    least: 1024,
    series: [{ field: "bytes_per_connection", name: "per connection", mark: "a" }],
    empty: `Shown from ${fewest} connections on.`,
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

// What keeps a button from being pressed: the server is gone, or what it was
// pressed for goes on, or there is nothing to do.
let sending = false;
let opening = false;
let held = 0; // idle connections of the server's own client

// toPoint returns what the charts draw, without figures that say nothing.
function toPoint(figures) {
  const point = { ...figures, seconds: Date.parse(figures.time) / 1000 };
  if (figures.connections < fewest) delete point.bytes_per_connection;
  return point;
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
    document.querySelector(`dd[data-figure="${figure}"]`).textContent = figure in point ? format(point[figure]) : "–";
  }
  byId("uptime").textContent = duration(sample.uptime_seconds);
  byId("requests").textContent = count(sample.requests);
  showListener(sample.listener, sample.parking);
  held = sample.idle_held;
  showButtons();
  if (sample.loops) showLoops(byId("loops"), sample.loops);
}

// showListener follows a server that was started again with other flags.
function showListener(listener, parking) {
  byId("listener").textContent = listener === "std" ? "the standard library’s listener" : "moor’s listener";
  for (const part of document.querySelectorAll("[data-only]")) part.hidden = part.dataset.only !== listener;
  for (const part of document.querySelectorAll("[data-parking]")) part.hidden = part.dataset.parking !== String(parking);
}

const states = { live: "Live", lost: "Connection lost", stopped: "Server stopped", paused: "Paused" };
let wasLost = false;

function showState(state) {
  byId("state").dataset.state = state;
  byId("state-text").textContent = states[state];
  const lost = state === "lost" || state === "stopped";
  document.body.classList.toggle("stale", lost);
  showButtons();
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

function showButtons() {
  const stale = document.body.classList.contains("stale");
  byId("traffic").disabled = stale || sending;
  byId("idle-open").disabled = stale || opening;
  byId("idle-close").disabled = stale || opening || held === 0;
  byId("idle-close").textContent = held ? `Close all ${count(held)}` : "Close all";
}

byId("traffic").addEventListener("click", async () => {
  const result = byId("traffic-result");
  sending = true;
  showButtons();
  result.textContent = "Sending…";
  result.textContent = await sendTraffic("/hello", (text) => { result.textContent = text; });
  sending = false;
  showButtons();
});

// change runs what opens or closes idle connections, and says what came of it.
async function change(doing, action) {
  const result = byId("idle-result");
  opening = true;
  showButtons();
  result.textContent = doing;
  const outcome = await action();
  result.textContent = outcome.text;
  held = outcome.held ?? held;
  opening = false;
  showButtons();
}

byId("idle").addEventListener("submit", (e) => {
  e.preventDefault();
  const number = byId("idle-number").valueAsNumber;
  if (!byId("idle-open").disabled) change(`Opening ${count(number)}…`, () => openIdle(number));
});

byId("idle-close").addEventListener("click", () => change("Closing…", closeIdle));

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
