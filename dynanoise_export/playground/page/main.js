// The page: keeps what is shown up to date with what is chosen.

import { amplifiedQueries, amplifiedVerdict, drawAmplified } from "./amplified.js";
import { averagingAttack, averagingVerdict, drawAveraging } from "./averaging.js";
import { borderVerdict, drawBorder, labelBorder } from "./border.js";
import { cloudVerdict, differentAnswers, drawCloud, repeatedQuery } from "./cloud.js";
import { byId, Controls, exportCommand } from "./controls.js";
import { Heads, RUNTIME } from "./head.js";
import { entropy, largestAt, noiseScale, ranked, sensitivity, softmax, standardNormals } from "./mathematics.js";
import { ClassTable } from "./table.js";

const REPEATS = 200;
// Models of more classes show the most likely ones first.
const SHOWN = 12;
// A screen reader hears of a change when it has come to rest.
const RESTED = 800;

class Page {
  #content;
  #heads;
  #controls;
  #table;
  #logits;
  #normals;
  #shown;
  #results;
  #changed = false;
  #working = false;
  #previous;
  #announcement;

  constructor(content) {
    this.#content = content;
    this.#heads = new Heads(content);
    this.#controls = new Controls(content, { changed: () => this.update(), chosen: (index) => this.choose(index) });
    this.#table = new ClassTable(byId("classes"), content.classes, (kind, index, value) => {
      (kind === "logit" ? this.#logits : this.#normals)[index] = value;
      this.update();
    });
    byId("moved").addEventListener("input", () => this.update());
    byId("ask").addEventListener("click", () => this.#askAgain());
    byId("all").addEventListener("click", () => {
      this.#show([...this.#logits.keys()]);
      this.#draw();
    });
    byId("version").textContent = content.version;
    byId("runtime").textContent = RUNTIME;
    addEventListener("resize", () => this.#draw());
  }

  // Take an example.
  choose(index) {
    this.#logits = Float64Array.from(this.#content.queries[index].logits);
    this.#normals = standardNormals(this.#logits.length);
    byId("moved").value = 0;
    this.#show(ranked(this.#logits).slice(0, SHOWN).sort((one, other) => one - other));
    this.update();
  }

  // Ask the head again for all that is shown. Changes that come in the meantime are answered together, once.
  async update() {
    this.#changed = true;
    byId("main").setAttribute("aria-busy", "true");
    if (this.#working) return;
    this.#working = true;
    while (this.#changed) {
      await new Promise(requestAnimationFrame);
      this.#changed = false;
      this.#results = await this.#ask();
      this.#draw();
    }
    byId("trouble").hidden = true;
    this.#working = false;
    byId("main").setAttribute("aria-busy", "false");
  }

  async #ask() {
    const { settings } = this.#controls;
    const logits = this.#logits.slice();
    const [label, second] = ranked(logits);
    const query = { logits, label, second, moved: byId("moved").valueAsNumber };
    const normals = settings.noise === "input" ? this.#normals.slice() : undefined;
    const [answer] = await this.#heads.answer(settings, [logits], normals);
    const repeats = await repeatedQuery(this.#heads, settings, query, REPEATS);
    const averaging = await averagingAttack(this.#heads, settings, query);
    const amplified = await amplifiedQueries(this.#heads, settings, query);
    const border = await labelBorder(this.#heads, settings, query);
    const previous = this.#previous;
    this.#previous = undefined;
    return { settings, query, answer, previous, repeats, averaging, amplified, border };
  }

  // Send the query once more; a server that feeds the noise draws it anew.
  #askAgain() {
    this.#previous = this.#results?.answer;
    if (this.#controls.settings.noise === "input") {
      this.#normals = standardNormals(this.#logits.length);
      this.#table.setNormals(this.#normals);
    }
    this.update();
  }

  #show(indices) {
    this.#shown = indices;
    this.#table.show(indices, this.#logits, this.#normals);
    byId("all").hidden = indices.length === this.#logits.length;
    byId("all").textContent = `Show all ${this.#logits.length} classes`;
  }

  #draw() {
    if (!this.#results) return;
    const { settings, query, answer, repeats, averaging, amplified, border } = this.#results;
    const { classes } = this.#content;
    const [name, other] = [classes[query.label], classes[query.second]];
    document.body.classList.toggle("feeds-noise", settings.noise === "input");
    byId("key").hidden = settings.noise !== "keyed";
    byId("command").textContent = exportCommand(settings);
    byId("moved-number").textContent = query.moved.toFixed(2);

    this.#table.draw(query.logits, answer, query.label);
    this.#drawFacts(this.#results);
    drawCloud(byId("cloud"), repeats, answer, classes, this.#shown);
    byId("cloud-verdict").textContent = cloudVerdict(differentAnswers(repeats), REPEATS, settings.noise);
    drawAveraging(byId("averaging"), averaging, name);
    byId("averaging-verdict").textContent = averagingVerdict(averaging, settings, { ...query, name });
    drawAmplified(byId("amplified"), amplified, name);
    byId("amplified-verdict").textContent = amplifiedVerdict(amplified, settings);
    drawBorder(byId("border"), border, name, other);
    byId("border-verdict").textContent = borderVerdict(border, settings, name, other);
  }

  #drawFacts({ settings, query: { logits, label }, answer, previous }) {
    const facts = {
      entropy: entropy(logits),
      sensitivity: sensitivity(logits),
      sigma: noiseScale(logits, settings.parameters),
    };
    for (const [id, value] of Object.entries(facts)) {
      byId(id).value = value;
      byId(id).textContent = value.toFixed(3);
    }
    const { classes } = this.#content;
    const answered = largestAt(answer);
    const percent = (p) => `${(100 * p).toFixed(1)}%`;
    const verdict =
      `The model says ${classes[label]}, ${percent(softmax(logits)[label])}. ` +
      `The client gets ${classes[answered]}, ${percent(answer[answered])}${compared(answer, previous)}.`;
    byId("answer-verdict").textContent = verdict;
    clearTimeout(this.#announcement);
    this.#announcement = setTimeout(() => (byId("status").textContent = verdict), RESTED);
  }
}

// Whether a query that was sent again got the same answer.
function compared(answer, previous) {
  if (!previous) return "";
  return answer.every((p, index) => p === previous[index]) ? ", the same answer again" : ", another answer";
}

function report(error) {
  byId("trouble").hidden = false;
  byId("trouble").textContent = `The page does not work here: ${error?.message ?? error}.`;
}

addEventListener("unhandledrejection", ({ reason }) => report(reason));

const response = await fetch("playground.json");
if (response.ok) new Page(await response.json()).choose(0);
else report(`playground.json can't be loaded (${response.status})`);
