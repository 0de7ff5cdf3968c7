// Line charts of the last two minutes, drawn as SVG.

// What a chart spans, in seconds: the first of these that covers its points.
// The labels are for its beginning and its middle.
const spans = [
  [30, "−30 s", "−15 s"],
  [60, "−1 min", "−30 s"],
  [120, "−2 min", "−1 min"],
];
const gap = 5; // seconds without a point that interrupt a line
const margin = { top: 8, right: 10, bottom: 20, left: 8 };

// Chart draws series into svg, and the values under the pointer, or else a
// summary, into caption. A series is {field, name, names, mark}: a point's
// field, what follows its value in words when that is one and when it is not
// (or always), and the CSS class of its line. A point may lack the field. format
// writes a value. empty is the caption while there are no values.
export class Chart {
  constructor(svg, caption, { series, format, base = 10, least = 4, empty = "" }) {
    Object.assign(this, { svg, caption, series, format, base, least, empty, points: [], end: "now" });
    this.label = svg.getAttribute("aria-label");
    new ResizeObserver(() => this.draw()).observe(svg);
    svg.addEventListener("pointermove", (e) => this.point(e));
    svg.addEventListener("pointerdown", (e) => this.point(e));
    svg.addEventListener("pointerleave", () => this.point(null));
  }

  show(points) {
    this.points = points;
    this.end = "now";
    this.draw();
  }

  // freeze says when the last point was, as that is no longer now.
  freeze(time) {
    this.end = time;
    this.draw();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.svg;
    if (width === 0) return;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const end = this.points.at(-1)?.seconds ?? 0;
    const age = end - (this.points[0]?.seconds ?? 0);
    const [span, first, middle] = spans.find(([seconds]) => age <= seconds) ?? spans.at(-1);
    const highest = Math.max(this.least, ...this.series.map((s) => this.highest(s)));
    const step = niceStep(highest, this.base);
    const top = Math.ceil(highest / step) * step;

    const right = width - margin.right;
    const bottom = height - margin.bottom;
    this.x = (seconds) => right - ((end - seconds) / span) * (right - margin.left);
    this.y = (value) => bottom - (value / top) * (bottom - margin.top);

    const drawn = [];
    for (let value = 0; value <= top; value += step) {
      const y = Math.round(this.y(value)) + 0.5;
      drawn.push(element("line", { class: value ? "grid" : "axis", x1: margin.left, x2: right, y1: y, y2: y }));
    }
    for (const [ago, anchor, label] of [[span, "start", first], [span / 2, "middle", middle], [0, "end", this.end]]) {
      drawn.push(element("text", { x: this.x(end - ago), y: height - 5, "text-anchor": anchor }, label));
    }
    for (const [i, s] of this.series.entries()) drawn.push(...this.line(s, i === 0, bottom));
    // Above the lines, so that these don't run through the figures.
    for (let value = step; value <= top; value += step) {
      drawn.push(element("text", { class: "scale", x: margin.left, y: this.y(value) + 12 }, this.format(value)));
    }
    this.cursor = element("g", {});
    drawn.push(this.cursor);
    this.svg.replaceChildren(...drawn);
    this.describe();
    this.point(this.pointer);
  }

  // line draws one series, the first with its area filled, and its end marked.
  line(series, filled, bottom) {
    const runs = [];
    let before;
    for (const p of this.having(series)) {
      if (before === undefined || p.seconds - before > gap) runs.push([]);
      runs.at(-1).push([this.x(p.seconds), this.y(p[series.field])]);
      before = p.seconds;
    }
    const shapes = [];
    for (const run of runs) {
      const path = run.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
      if (filled) {
        const area = `${path}L${run.at(-1)[0].toFixed(1)} ${bottom}L${run[0][0].toFixed(1)} ${bottom}Z`;
        shapes.push(element("path", { class: `area ${series.mark}`, d: area }));
      }
      shapes.push(element("path", { class: `line ${series.mark}`, d: path }));
    }
    const last = runs.at(-1)?.at(-1);
    if (last) shapes.push(element("circle", { class: `end ${series.mark}`, cx: last[0], cy: last[1], r: 3.5 }));
    return shapes;
  }

  // describe says for those who don't see the chart what it shows.
  describe() {
    const parts = this.series.filter((s) => this.having(s).length).map((s) => {
      const last = this.having(s).at(-1);
      return `${this.value(s, last[s.field])}, highest ${this.format(this.highest(s))}`;
    });
    this.svg.setAttribute("aria-label", `${this.label}: ${parts.join("; ") || this.empty}`);
  }

  value(series, number) {
    return `${this.format(number)} ${number === 1 ? series.name : series.names ?? series.name}`;
  }

  highest(series) {
    return Math.max(...this.having(series).map((p) => p[series.field]));
  }

  // having returns the points that have a value for series.
  having(series) {
    return this.points.filter((p) => series.field in p);
  }

  // point shows the values at the pointer, or the peaks when there is none.
  point(event) {
    this.pointer = event;
    this.cursor?.replaceChildren();
    if (!this.points.length) return;
    if (!event) {
      const peaks = this.series.filter((s) => this.having(s).length).map((s) => this.value(s, this.highest(s)));
      this.caption.textContent = peaks.length ? `Highest: ${peaks.join(" · ")}` : this.empty;
      return;
    }
    const at = event.clientX - this.svg.getBoundingClientRect().left;
    const distance = (p) => Math.abs(this.x(p.seconds) - at);
    const near = this.points.reduce((a, b) => (distance(b) < distance(a) ? b : a));
    const x = this.x(near.seconds);
    this.cursor.append(element("line", { class: "cursor", x1: x, x2: x, y1: margin.top, y2: this.y(0) }));
    const there = this.series.filter((s) => s.field in near);
    for (const s of there) {
      this.cursor.append(element("circle", { class: `end ${s.mark}`, cx: x, cy: this.y(near[s.field]), r: 3.5 }));
    }
    const ago = Math.round(this.points.at(-1).seconds - near.seconds);
    const values = there.map((s) => this.value(s, near[s.field])).join(" · ");
    this.caption.textContent = `${ago ? `−${ago} s` : "Last"}: ${values || this.empty}`;
  }
}

// niceStep is the distance of grid lines: 1, 2 or 5 times a power of base (of
// 10 and 1024, say), so that two to four of them reach highest.
function niceStep(highest, base) {
  const unit = base ** Math.floor(Math.log(highest / 4) / Math.log(base));
  const steps = base === 10 ? [1, 2, 5, 10] : [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
  return unit * steps.find((n) => unit * n * 4 >= highest);
}

function element(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}
