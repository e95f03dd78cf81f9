// What the page computes itself: everything but the answers, which come from the head.

// The smallest normal number of float32: an answer of 0 counts as this.
const SMALLEST = 2 ** -126;

export function logSoftmax(logits) {
  const largest = Math.max(...logits);
  const total = Math.log(logits.reduce((sum, z) => sum + Math.exp(z - largest), 0));
  return Float64Array.from(logits, (z) => z - largest - total);
}

export const softmax = (logits) => logSoftmax(logits).map(Math.exp);

export const entropy = (logits) => -logSoftmax(logits).reduce((sum, logP) => sum + Math.exp(logP) * logP, 0);

// R = 1 - H / log k
export const sensitivity = (logits) => 1 - entropy(logits) / Math.log(logits.length);

// σ(q) = √(σ₀²(1 + λR))
export const noiseScale = (logits, { sigma0, lambda }) => sigma0 * Math.sqrt(1 + lambda * sensitivity(logits));

// log(p / (1 - p)) of one class, from logits or from log-probabilities.
export function logOdds(logits, label) {
  const others = logits.filter((_, index) => index !== label);
  const largest = Math.max(...others);
  return logits[label] - largest - Math.log(others.reduce((sum, z) => sum + Math.exp(z - largest), 0));
}

export const probabilityOf = (odds) => 1 / (1 + Math.exp(-odds));

// What an attacker who knows T takes back: the noisy logits, up to a constant for each row.
export const undo = (answer, temperature) =>
  Float64Array.from(answer, (p) => temperature * Math.log(Math.max(p, SMALLEST)));

export const largestAt = (values) => values.reduce((best, value, index) => (value > values[best] ? index : best), 0);

// The classes by their values, the largest first.
export const ranked = (values) => Array.from(values.keys()).sort((one, other) => values[other] - values[one]);

export function median(values) {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// Standard normals by Box and Muller, from the browser's generator for secrets.
export function standardNormals(count) {
  const words = new Uint32Array(2 * Math.ceil(count / 2));
  for (let start = 0; start < words.length; start += 16384) {
    crypto.getRandomValues(words.subarray(start, start + 16384)); // at most 65,536 bytes a call
  }
  return Float32Array.from({ length: count }, (_, index) => {
    const pair = index & ~1;
    const radius = Math.sqrt(-2 * Math.log((words[pair] + 1) / 2 ** 32));
    const angle = (2 * Math.PI * words[pair + 1]) / 2 ** 32;
    return radius * (index & 1 ? Math.sin(angle) : Math.cos(angle));
  });
}
