// The cloud: what the same query gets when it is sent again and again.

import { Chart, linear, ticks } from "./chart.js";

const LEAST_ROW = 24;
const LEAST_HEIGHT = 310;
const CHARACTER = 6.4;
// An irrational step spreads the dots of a row evenly, and the same way each time.
const GOLDEN = 0.618034;

export const repeatedQuery = (heads, settings, { logits }, count) =>
  heads.answer(settings, Array(count).fill(logits));

export const differentAnswers = (answers) => new Set(answers.map((answer) => answer.join())).size;

export function drawCloud(figure, answers, answer, names, shown) {
  figure.dataset.different = differentAnswers(answers);
  const largestOf = (index) => answers.reduce((most, one) => Math.max(most, one[index]), answer[index]);
  const largest = Math.max(...shown.map(largestOf));
  const domain = [0, Math.min(1, 1.08 * largest)];
  const longest = Math.max(...shown.map((index) => names[index].length));
  const row = Math.max(LEAST_ROW, LEAST_HEIGHT / shown.length);
  const chart = new Chart(figure, {
    name: `${answers.length} answers to the same query: the probability of each class`,
    x: linear(domain),
    y: (place) => 1 - (place + 0.5) / shown.length,
    left: Math.min(22 + CHARACTER * longest, figure.clientWidth * 0.4),
    height: row * shown.length + 52,
  });
  chart.horizontalAxis(ticks(domain, 4), "p̂, the probability in an answer");
  const fitting = Math.floor((chart.margin.left - 14) / CHARACTER);
  chart.verticalAxis(Array.from(shown.keys()), (place) => shortened(names[shown[place]], fitting));
  shown.forEach((index, place) => {
    const at = (one, number) => [chart.x(one[index]), chart.y(place) + (((number * GOLDEN) % 1) - 0.5) * row * 0.62];
    chart.dots(answers.map(at), "answers");
    chart.add("circle", { class: "answer", cx: chart.x(answer[index]), cy: chart.y(place), r: 5.5 });
  });
}

const shortened = (text, length) => (text.length > length ? `${text.slice(0, Math.max(1, length - 1))}…` : text);

export function cloudVerdict(different, count, noise) {
  if (different === 1) {
    return noise === "keyed"
      ? `All ${count} answers are the same: the noise is a function of the key and the query.`
      : `All ${count} answers are the same.`;
  }
  return `${different} different answers. Each one hides the logits; all of them together don't.`;
}
