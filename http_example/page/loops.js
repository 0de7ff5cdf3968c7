// The table of event loops.

import { bytes, count, rate } from "./format.js";

// showLoops fills in the table, whose head says which figures go where.
export function showLoops(table, loops) {
  const columns = [...table.tHead.rows[0].cells].slice(1);
  const body = table.tBodies[0];
  while (body.rows.length > loops.length) body.deleteRow(-1);
  while (body.rows.length < loops.length) body.append(newRow(body.rows.length, columns));
  const most = Math.max(1, ...loops.map((l) => l.connections));
  loops.forEach((loop, i) => {
    const cells = body.rows[i].cells;
    columns.forEach((column, j) => fill(cells[j + 1], column.dataset, loop));
    cells[1].querySelector(".bar rect").setAttribute("width", `${(100 * loop.connections) / most}%`);
  });
}

function newRow(index, columns) {
  const row = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = index;
  row.append(head);
  for (const column of columns) {
    const cell = row.insertCell();
    const now = document.createElement("span");
    now.className = "now";
    cell.append(now, column.dataset.rate ? newTotal() : newBar());
  }
  return row;
}

function newTotal() {
  const total = document.createElement("span");
  total.className = "total";
  return total;
}

// newBar compares the loops' connections at a glance.
function newBar() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "bar");
  svg.setAttribute("aria-hidden", "true");
  const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  rect.setAttribute("height", "100%");
  svg.append(rect);
  return svg;
}

function fill(cell, { figure, rate: rateField, unit }, loop) {
  const [now, total] = cell.children;
  if (!rateField) {
    now.textContent = count(loop[figure]);
    return;
  }
  now.textContent = unit ? bytes(loop[rateField]) : rate(loop[rateField]);
  total.textContent = unit ? bytes(loop[figure]) : count(loop[figure]);
}
