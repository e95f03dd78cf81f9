// The border of the label: how far a query must move towards the second class before the label changes.

import { Chart, linear, ticks } from "./chart.js";
import { largestAt, noiseScale, standardNormals } from "./mathematics.js";

const POINTS = 33;
const REPEATS = 200;
// Models of many classes get fewer repeats: the numbers in the answers to one point.
const MOST_NUMBERS = 12_000;
// Kept labels don't change, so that one answer says it all.
const SHARP_POINTS = 161;
const SHARP_WIDTH = 3;
// How far near-duplicates are moved, in logits: far enough for another cell of the key's grid.
const MOVED = 2;

export async function labelBorder(heads, settings, { logits, label, second }) {
  const margin = logits[label] - logits[second];
  const moved = settings.noise === "keyed" && !settings.keepLabel ? MOVED : 0;
  const noisy = Math.max(1.5, 4 * Math.hypot(noiseScale(logits, settings.parameters), moved));
  const width = settings.keepLabel ? SHARP_WIDTH : noisy;
  const points = settings.keepLabel ? SHARP_POINTS : POINTS;
  const repeats = settings.keepLabel ? 1 : Math.max(20, Math.min(REPEATS, Math.floor(MOST_NUMBERS / logits.length)));
  const steps = Array.from({ length: points }, (_, index) => margin + width * ((2 * index) / (points - 1) - 1));
  const queries = steps.flatMap((step) => {
    const query = Float64Array.from(logits);
    query[second] += step;
    return Array.from({ length: repeats }, () => (moved ? nearDuplicate(query, moved) : query));
  });
  const labels = (await heads.answer(settings, queries)).map(largestAt);
  const shares = steps.flatMap((step, index) => {
    const own = labels.slice(index * repeats, (index + 1) * repeats);
    const [first, other] = [label, second].map((wanted) => own.filter((found) => found === wanted).length);
    return first + other ? [[step, first / (first + other)]] : [];
  });
  return { shares, domain: [steps[0], steps.at(-1)], margin, asked: queries.length, estimate: crossing(shares) };
}

function nearDuplicate(query, moved) {
  const normals = standardNormals(query.length);
  return query.map((z, index) => z + moved * normals[index]);
}

// Where the share falls from 1 to 0, on average: the area under the line. NaN if no answer names one of the two.
function crossing(shares) {
  if (shares.length === 0) return NaN;
  const areas = shares.slice(1).map(([step, share], index) => {
    const [before, shareBefore] = shares[index];
    return ((step - before) * (share + shareBefore)) / 2;
  });
  return areas.reduce((sum, area) => sum + area, shares[0][0]);
}

export function drawBorder(figure, { shares, domain, margin, estimate }, name, other) {
  Object.assign(figure.dataset, { margin, estimate });
  const chart = new Chart(figure, {
    name: `How often the answer says ${name} and not ${other}, as the query moves towards ${other}`,
    x: linear(domain),
    y: linear([-0.04, 1.04]),
  });
  chart.verticalAxis([0, 0.5, 1], (share) => `${100 * share}%`);
  chart.horizontalAxis(ticks(domain), `logits added to ${other}`);
  chart.line([[margin, null], [margin, undefined]], "truth");
  chart.line(shares, "attacker");
  const left = chart.x(margin) > chart.width / 2;
  const place = { x: chart.x(margin) + (left ? -8 : 8), y: 24, "text-anchor": left ? "end" : "start", class: "strong" };
  chart.add("text", place, "margin");
}

export function borderVerdict({ margin, estimate, asked }, { noise, keepLabel }, name, other) {
  const inside = `In the model, ${name} is ${margin.toFixed(2)} logits above ${other}.`;
  if (Number.isNaN(estimate)) return `${inside} None of ${asked} answers names one of the two.`;
  const which = noise === "keyed" && !keepLabel ? "of near-duplicates" : "alone";
  const found =
    `${inside} From ${asked.toLocaleString("en")} labels ${which} an attacker reads ${estimate.toFixed(2)}.`;
  return keepLabel
    ? `${found} Kept labels change exactly there, whatever the noise.`
    : `${found} Half of the labels change there, however large the noise.`;
}
