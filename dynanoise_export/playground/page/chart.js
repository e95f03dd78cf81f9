// A small chart: axes, lines and dots as SVG, in the width that it has.

const NAMESPACE = "http://www.w3.org/2000/svg";
const MARGIN = { top: 10, right: 14, bottom: 42, left: 52 };
const HEIGHT = 270;

export function element(name, attributes = {}, text) {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

export const linear = ([low, high]) => (value) => (value - low) / (high - low);

export const logarithmic = ([low, high]) => (value) => Math.log(value / low) / Math.log(high / low);

// Round numbers inside a range, about `count` of them.
export function ticks([low, high], count = 5) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(6)));
}

export class Chart {
  // `name` says to those who don't see the chart what it shows. The scales map values to 0 … 1.
  constructor(figure, { name, x, y, left = MARGIN.left, height = HEIGHT }) {
    this.margin = { ...MARGIN, left };
    this.width = Math.max(figure.clientWidth, 200);
    this.height = height;
    this.x = (value) => left + x(value) * (this.width - left - MARGIN.right);
    this.y = (value) => height - MARGIN.bottom - y(value) * (height - MARGIN.top - MARGIN.bottom);
    this.svg = element("svg", { role: "img", "aria-label": name, width: this.width, height });
    figure.replaceChildren(this.svg);
  }

  add(name, attributes, text) {
    this.svg.append(element(name, attributes, text));
  }

  horizontalAxis(values, title, format = String) {
    const bottom = this.height - MARGIN.bottom;
    for (const value of values) {
      this.line([[value, null], [value, undefined]], "grid");
      this.add("text", { x: this.x(value), y: bottom + 16, "text-anchor": "middle" }, format(value));
    }
    const middle = (this.margin.left + this.width - MARGIN.right) / 2;
    this.add("text", { x: middle, y: this.height - 6, "text-anchor": "middle" }, title);
  }

  verticalAxis(values, format = String) {
    for (const value of values) {
      this.add("path", { class: "grid", d: `M${this.margin.left} ${this.y(value)}H${this.width - MARGIN.right}` });
      const place = { x: this.margin.left - 8, y: this.y(value) + 4, "text-anchor": "end" };
      this.add("text", place, format(value));
    }
  }

  // A line through points; in place of a value, null is the lower end of the chart and undefined the upper one.
  line(points, kind) {
    const height = (value) =>
      value === null ? this.height - MARGIN.bottom : value === undefined ? MARGIN.top : this.y(value);
    const d = points.map(([x, y], index) => `${index ? "L" : "M"}${round(this.x(x))} ${round(height(y))}`).join("");
    this.add("path", { class: kind, d });
  }

  // All dots in one path, which is fast.
  dots(points, kind) {
    this.add("path", { class: kind, d: points.map(([x, y]) => `M${round(x)} ${round(y)}h0`).join("") });
  }

  across(value, kind) {
    this.add("path", { class: kind, d: `M${this.margin.left} ${round(this.y(value))}H${this.width - MARGIN.right}` });
  }
}

const round = (value) => Math.round(value * 10) / 10;
