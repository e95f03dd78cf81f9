// The amplified query: s times the logits, and an attacker who divides the answer by s.

import { logarithmic } from "./chart.js";
import { confidenceChart, drawTruth } from "./confidence.js";
import { logOdds, median, undo } from "./mathematics.js";

const MOST = 16;
// Of log p in float32; beyond it an answer is 0 and tells less.
const DEEPEST = 80;
const NEAR = 1.1;
const FRESH = { points: 17, repeats: 40 };
const REPEATED = { points: 161, repeats: 1 };

export async function amplifiedQueries(heads, settings, { logits, label }) {
  const { temperature } = settings.parameters;
  const spread = Math.max(...logits) - Math.min(...logits);
  const most = Math.max(2, Math.min(MOST, (DEEPEST * temperature) / Math.max(spread, 1e-9)));
  const { points, repeats } = settings.noise === "keyed" ? REPEATED : FRESH;
  const factorOf = (row) => most ** (Math.floor(row / repeats) / (points - 1));
  const factors = Array.from({ length: points * repeats }, (_, row) => factorOf(row));
  const answers = await heads.answer(settings, factors.map((factor) => logits.map((z) => factor * z)));
  const guesses = answers.map((answer, row) => {
    const scores = undo(answer, temperature).map((score) => score / factors[row]);
    return [factors[row], logOdds(scores, label)];
  });
  return { guesses, truth: logOdds(logits, label), most };
}

// How far single answers to a factor, and to those near it, are off.
function errorAt({ guesses, truth }, factor) {
  const near = guesses.filter(([other]) => Math.abs(Math.log(other / factor)) < Math.log(NEAR));
  return median(near.map(([, odds]) => Math.abs(odds - truth)));
}

export function drawAmplified(figure, attack, name) {
  const { guesses, truth, most } = attack;
  Object.assign(figure.dataset, { most, first: errorAt(attack, 1), last: errorAt(attack, most) });
  const title = `What single answers to amplified queries show, up to ${most.toFixed(1)} times`;
  const chart = confidenceChart(figure, title, logarithmic([1, most]), truth, guesses.map(([, odds]) => odds));
  chart.horizontalAxis([1, 2, 4, 8, 16].filter((factor) => factor <= most), "s, by which the logits are multiplied");
  const [low, high] = chart.domain;
  const visible = guesses.filter(([, odds]) => odds >= low && odds <= high);
  chart.dots(visible.map(([factor, odds]) => [chart.x(factor), chart.y(odds)]), "guesses");
  drawTruth(chart, truth, `confidence in ${name}`);
}

export function amplifiedVerdict(attack, { noise, parameters }) {
  const off = (factor) => errorAt(attack, factor).toFixed(2);
  const largest = parameters.sigma0 * Math.sqrt(1 + parameters.lambda);
  const key = noise === "keyed" ? " A key does not change that." : "";
  return (
    `A network of ReLUs answers s times the input with about s times the logits, and the noise never exceeds ` +
    `σ₀√(1 + λ) = ${largest.toFixed(2)}. One answer to the query is off by ${off(1)} logits, and one to ` +
    `${attack.most.toFixed(0)} times the query by ${off(attack.most)}.${key}`
  );
}
