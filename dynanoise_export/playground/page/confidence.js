// The confidence in the label, as attacks look at it: log-odds, written as probabilities on an axis.

import { Chart, linear, ticks } from "./chart.js";
import { probabilityOf } from "./mathematics.js";

const WRITTEN = [0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999, 0.9999999];
const LEFT = 78;

// Make a chart whose vertical axis holds the truth and most of the guesses.
export function confidenceChart(figure, name, x, truth, guesses) {
  const sorted = Float64Array.from(guesses).sort();
  const [low, high] = [0.02, 0.98].map((share) => sorted[Math.round(share * (sorted.length - 1))]);
  const room = Math.max(0.15 * (high - low), 0.4);
  const domain = [Math.min(low, truth) - room, Math.max(high, truth) + room];
  const chart = new Chart(figure, { name, x, y: linear(domain), left: LEFT });
  const odds = WRITTEN.map((p) => Math.log(p / (1 - p))).filter((value) => value > domain[0] && value < domain[1]);
  chart.verticalAxis(odds.length > 1 ? odds : ticks(domain, 4), asPercent);
  chart.domain = domain;
  return chart;
}

// Mark what the attacker is after.
export function drawTruth(chart, truth, title) {
  chart.across(truth, "truth");
  const above = chart.y(truth) > 40;
  const place = { x: chart.width - 16, y: chart.y(truth) + (above ? -6 : 16), "text-anchor": "end", class: "strong" };
  chart.add("text", place, title);
}

export function asPercent(odds) {
  const p = probabilityOf(odds);
  const digits = p > 0.5 ? Math.ceil(-Math.log10(1 - p) - 1e-9) - 2 : Math.ceil(-Math.log10(p) - 1e-9) - 2;
  return `${(100 * p).toFixed(Math.max(0, Math.min(digits, 8)))}%`;
}
