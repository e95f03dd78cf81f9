// The form: the example, the parameters and the noise.

const PARAMETERS = ["sigma0", "lambda", "temperature"];

export const byId = (id) => document.getElementById(id);

export class Controls {
  #content;
  #parameters;

  // `changed` is called after each change of the defence, and `chosen` with the number of a chosen example.
  constructor(content, { changed, chosen }) {
    this.#content = content;
    byId("query").replaceChildren(...content.queries.map(({ name }, index) => new Option(name, index)));
    byId("query").addEventListener("change", ({ target }) => chosen(Number(target.value)));
    byId("origin").textContent = content.origin;
    byId("controls").addEventListener("submit", (event) => event.preventDefault());
    for (const name of PARAMETERS) this.#connect(name, changed);
    for (const input of [...noises(), byId("keep-label")]) input.addEventListener("change", changed);
    byId("reset").addEventListener("click", () => {
      this.reset();
      chosen(Number(byId("query").value));
    });
    this.reset();
  }

  // What the head needs to know.
  get settings() {
    const noise = noises().find((input) => input.checked).value;
    return { noise, keepLabel: byId("keep-label").checked, parameters: { ...this.#parameters } };
  }

  reset() {
    this.#parameters = {};
    const { parameters, noise, keepLabel } = this.#content.beginning;
    for (const name of PARAMETERS) this.#set(name, parameters[name]);
    noises().find((input) => input.value === noise).checked = true;
    byId("keep-label").checked = keepLabel;
  }

  #connect(name, changed) {
    byId(name).addEventListener("input", ({ target }) => {
      this.#set(name, target.valueAsNumber);
      changed();
    });
    byId(`${name}-number`).addEventListener("input", ({ target }) => {
      if (!target.validity.valid || !Number.isFinite(target.valueAsNumber)) return;
      this.#parameters[name] = target.valueAsNumber;
      byId(name).value = target.valueAsNumber;
      changed();
    });
  }

  #set(name, value) {
    this.#parameters[name] = value;
    byId(name).value = value;
    byId(`${name}-number`).value = Number(value.toPrecision(4));
  }
}

const noises = () => [...document.querySelectorAll("input[name=noise]")];

const short = (value) => Number(value.toPrecision(6));

// The command that attaches the same head.
export function exportCommand({ noise, keepLabel, parameters }) {
  const options = PARAMETERS.map((name) => `--${name} ${short(parameters[name])}`).join(" ");
  return `dynanoise-export model.pt ${options} --noise ${noise}${keepLabel ? " --keep-label" : ""} -o defended.onnx`;
}
