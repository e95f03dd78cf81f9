// The table of the classes: logits that can be edited, and bars of p and p̂.

import { element } from "./chart.js";
import { softmax } from "./mathematics.js";

// Of a number in the table: float32 has too few digits for noise on larger logits.
const LARGEST = 1e4;
const HEIGHTS = { p: 2, defended: 14 };

export class ClassTable {
  #body;
  #names;
  #rows = new Map();

  // `edited` is called with the kind of number, the class and the new value.
  constructor(table, names, edited) {
    this.#body = table.tBodies[0];
    this.#names = names;
    this.#body.addEventListener("input", ({ target }) => {
      const value = target.valueAsNumber;
      const valid = Math.abs(value) <= LARGEST; // NaN is not
      target.setAttribute("aria-invalid", String(!valid));
      if (valid) edited(target.dataset.kind, Number(target.dataset.index), value);
    });
  }

  // Show these classes, with their numbers.
  show(indices, logits, normals) {
    this.#rows = new Map(indices.map((index) => [index, this.#row(index, logits[index], normals[index])]));
    this.#body.replaceChildren(...Array.from(this.#rows.values(), (row) => row.element));
  }

  // Replace the noise that is shown.
  setNormals(normals) {
    for (const [index, row] of this.#rows) row.noise.value = written(normals[index]);
  }

  draw(logits, answer, label) {
    const plain = softmax(logits);
    for (const [index, row] of this.#rows) {
      row.name.classList.toggle("label-of-model", index === label);
      for (const [kind, value] of [["p", plain[index]], ["defended", answer[index]]]) {
        row[kind].number.value = value;
        row[kind].number.textContent = value.toFixed(4);
        row[kind].bar.setAttribute("width", `${100 * value}%`);
      }
    }
  }

  #row(index, logit, normal) {
    const row = { element: document.createElement("tr"), name: document.createElement("th") };
    row.name.scope = "row";
    row.name.textContent = this.#names[index];
    row.logit = this.#number("logit", index, logit);
    row.noise = this.#number("noise", index, normal);
    const bars = element("svg", { "aria-hidden": "true" });
    const numbers = document.createElement("td");
    numbers.className = "numbers";
    for (const kind of ["p", "defended"]) {
      const bar = element("rect", { class: kind, x: 0, y: HEIGHTS[kind], height: 10, rx: 2, width: 0 });
      const number = document.createElement("data");
      number.className = kind;
      bars.append(bar);
      numbers.append(number);
      row[kind] = { bar, number };
    }
    row.element.append(row.name, cell("", row.logit), cell("noise-input", row.noise), cell("bars", bars), numbers);
    return row;
  }

  #number(kind, index, value) {
    const input = document.createElement("input");
    Object.assign(input, { type: "number", step: "any", required: true, value: written(value) });
    Object.assign(input.dataset, { kind, index });
    input.setAttribute("aria-label", `${kind} of ${this.#names[index]}`);
    return input;
  }
}

const written = (value) => String(Number(value.toFixed(3)));

function cell(name, content) {
  const made = document.createElement("td");
  made.className = name;
  made.append(content);
  return made;
}
