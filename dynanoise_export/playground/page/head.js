// The exported heads, in ONNX Runtime.

import * as ort from "./runtime/ort.wasm.bundle.min.mjs";
import { standardNormals } from "./mathematics.js";

ort.env.wasm.numThreads = 1; // more need a page that is isolated from all others
ort.env.wasm.wasmPaths = { wasm: new URL("runtime/ort-wasm-simd-threaded.wasm", import.meta.url).href };

export const RUNTIME = `onnxruntime-web ${ort.env.versions.web}`;

export class Heads {
  #heads;
  #files = new Map();
  #sessions = new Map();
  #classes;

  constructor(content) {
    this.#heads = content.heads;
    this.#classes = content.classes.length;
  }

  // Answer queries: logits [n, k] to probabilities, one Float32Array for each query. `normals` [n, k] is for the source
  // "input" alone, where they are drawn if they are not given.
  async answer(settings, queries, normals) {
    const head = this.#heads.find((one) => one.noise === settings.noise && one.keepLabel === settings.keepLabel);
    const session = await this.#session(head, settings);
    const [rows, classes] = [queries.length, this.#classes];
    const logits = new Float32Array(rows * classes);
    queries.forEach((query, row) => logits.set(query, row * classes));
    const feeds = { logits: new ort.Tensor("float32", logits, [rows, classes]) };
    if (head.noise === "input") {
      feeds.noise = new ort.Tensor("float32", normals ?? standardNormals(rows * classes), [rows, classes]);
    }
    const { data } = (await session.run(feeds)).probabilities;
    return queries.map((_, row) => data.slice(row * classes, (row + 1) * classes));
  }

  async #session(head, { parameters }) {
    const key = JSON.stringify(parameters);
    const kept = this.#sessions.get(head.file);
    if (kept?.key === key) return kept.session;
    await kept?.session.release();
    this.#sessions.delete(head.file);
    const session = await ort.InferenceSession.create(await this.#withParameters(head, parameters));
    this.#sessions.set(head.file, { key, session });
    return session;
  }

  // Write the parameters into the file: each is a float32 at a known place.
  async #withParameters(head, parameters) {
    if (!this.#files.has(head.file)) {
      const response = await fetch(head.file);
      if (!response.ok) throw new Error(`${head.file} can't be loaded: ${response.status}`);
      this.#files.set(head.file, new Uint8Array(await response.arrayBuffer()));
    }
    const content = this.#files.get(head.file).slice();
    const view = new DataView(content.buffer);
    for (const [name, place] of Object.entries(head.places)) view.setFloat32(place, parameters[name], true);
    return content;
  }
}
