// The averaging attack: the mean of n answers, for some attackers who each ask anew.

import { logarithmic } from "./chart.js";
import { confidenceChart, drawTruth } from "./confidence.js";
import { logOdds, median, noiseScale, standardNormals, undo } from "./mathematics.js";

const ATTACKERS = 8;
const MOST = 256;
// Draws of noise that differ by less, in standard deviations, are the same draw.
const SAME = 1e-3;

export async function averagingAttack(heads, settings, { logits, label, moved }) {
  const normals = standardNormals(ATTACKERS * MOST * logits.length);
  const queries = Array.from({ length: ATTACKERS * MOST }, (_, row) =>
    Float64Array.from(logits, (z, index) => z + moved * normals[row * logits.length + index]),
  );
  const answers = await heads.answer(settings, queries);
  const { temperature } = settings.parameters;
  const lines = Array.from({ length: ATTACKERS }, (_, attacker) => {
    const own = answers.slice(attacker * MOST, (attacker + 1) * MOST);
    return means(own.map((answer) => undo(answer, temperature))).map((mean) => logOdds(mean, label));
  });
  const first = queries.slice(0, MOST);
  return { lines, truth: logOdds(logits, label), noises: await differentNoises(heads, settings, first) };
}

// The mean of the first n rows, for each n.
function means(rows) {
  const total = new Float64Array(rows[0].length);
  return rows.map((row, index) => {
    row.forEach((value, place) => (total[place] += value));
    return total.map((sum) => sum / (index + 1));
  });
}

// How many draws of noise the queries met. Kept labels would hide some, and don't change the noise.
async function differentNoises(heads, settings, queries) {
  if (settings.noise !== "keyed") return queries.length;
  const answers = await heads.answer({ ...settings, keepLabel: false }, queries);
  const draws = answers.map((answer, row) => noiseOf(answer, queries[row], settings.parameters));
  draws.sort((one, other) => one[0] - other[0]);
  const isNew = (draw, row) => row === 0 || draw.some((value, place) => Math.abs(value - draws[row - 1][place]) > SAME);
  return draws.filter(isNew).length;
}

function noiseOf(answer, query, parameters) {
  const noise = undo(answer, parameters.temperature).map((value, place) => value - query[place]);
  const mean = noise.reduce((sum, value) => sum + value, 0) / noise.length;
  const scale = noiseScale(query, parameters);
  return noise.map((value) => (value - mean) / scale);
}

const errorAfter = ({ lines, truth }, answers) =>
  median(lines.map((line) => Math.abs(line[answers - 1] - truth)));

export function drawAveraging(figure, attack, name) {
  const { lines, truth, noises } = attack;
  Object.assign(figure.dataset, { noises, first: errorAfter(attack, 1), last: errorAfter(attack, MOST) });
  const title = `What ${ATTACKERS} attackers read from 1 to ${MOST} answers`;
  const begins = lines.flatMap((line) => line.slice(0, 8));
  const chart = confidenceChart(figure, title, logarithmic([1, MOST]), truth, begins);
  chart.horizontalAxis([1, 4, 16, 64, 256], "answers that an attacker averages");
  const inside = (value) => Math.min(Math.max(value, chart.domain[0]), chart.domain[1]);
  for (const line of lines) {
    chart.line(line.map((odds, index) => [index + 1, inside(odds)]), "attacker faint");
  }
  drawTruth(chart, truth, `confidence in ${name}`);
}

export function averagingVerdict(attack, { noise, keepLabel }, { moved, name }) {
  const off = (answers) => errorAfter(attack, answers).toFixed(2);
  const { noises } = attack;
  const found =
    `An attacker's estimate of the confidence in ${name} is off by ${off(1)} logits after one answer, and by ` +
    `${off(MOST)} after ${MOST}.`;
  if (noise !== "keyed" && keepLabel) {
    return `Fresh noise averages away. ${found} Kept labels leave a bias, which shadow models show an attacker.`;
  }
  if (noise !== "keyed") return `Fresh noise averages away. ${found}`;
  if (noises === 1) return `Repeats have the same noise, so there is nothing to average. ${found}`;
  const why = moved > 0 ? "The moved queries" : "The queries";
  return `${why} are in several cells of the key's grid, and met ${noises} draws of noise. ${found}`;
}
