// The table of event loops.

import { bytes, count, rate } from "./format.js";

// showLoops fills in the table, whose head says which figures go where: in each
// column's data-figure, with a rate in data-rate, in bytes by data-unit, and
// compared between the loops by data-bar.
export function showLoops(table, loops) {
  const columns = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.dataset);
  const body = table.tBodies[0];
  while (body.rows.length > loops.length) body.deleteRow(-1);
  while (body.rows.length < loops.length) body.append(newRow(body.rows.length, columns));
  columns.forEach((column, i) => {
    const most = Math.max(1, ...loops.map((loop) => loop[column.figure]));
    loops.forEach((loop, j) => fill(body.rows[j].cells[i + 1], column, loop, most));
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
    cell.append(newSpan("now"));
    if (column.rate) cell.append(newSpan("total"));
    if ("bar" in column) cell.append(newBar());
  }
  return row;
}

function newSpan(name) {
  const span = document.createElement("span");
  span.className = name;
  return span;
}

function newBar() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "bar");
  svg.setAttribute("aria-hidden", "true"); // the figure above it says it
  const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  rect.setAttribute("height", "100%");
  svg.append(rect);
  return svg;
}

function fill(cell, column, loop, most) {
  const [now, below] = cell.children;
  const total = loop[column.figure];
  const format = column.unit === "bytes" ? bytes : count;
  if (column.rate) {
    now.textContent = column.unit === "bytes" ? bytes(loop[column.rate]) : rate(loop[column.rate]);
    below.textContent = format(total);
    return;
  }
  now.textContent = format(total);
  below?.firstChild.setAttribute("width", `${(100 * total) / most}%`);
}
