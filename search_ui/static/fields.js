// Parts of forms: a choice among cards, a field with its meaning and what is wrong with it.
Object.assign(window.similarity, (() => {
  const { element: make } = window.similarity;
  let made = 0;
  const nextId = () => {
    made += 1;
    return `field-${made}`;
  };

  // Radio buttons that look like cards. choices: [{value, title, text}].
  const cards = ({ label, choices, value, change }) => {
    const name = nextId();
    const inputs = choices.map((choice) => make("input", {
      type: "radio", name, value: choice.value, id: `${name}-${choice.value}`,
      checked: choice.value === value ? "" : null,
      "aria-labelledby": `${name}-${choice.value}-title`,
      "aria-describedby": `${name}-${choice.value}-text`,
    }));
    const root = make("div", { class: "cards-choice", role: "radiogroup", "aria-label": label },
      choices.map(({ title, text }, index) => make("label", { class: "choice" },
        inputs[index],
        make("span", {}, make("b", { id: `${inputs[index].id}-title` }, title),
          make("span", { id: `${inputs[index].id}-text` }, text)))));
    const chosen = () => inputs.find((input) => input.checked).value;
    root.addEventListener("change", () => change(chosen()));
    const choose = (wanted) => {
      inputs.find((input) => input.value === wanted).checked = true;
      change(wanted);
    };
    return { root, chosen, choose };
  };

  // A labelled control. `hint(text)` says what it means, `refuse(text)` what is wrong with it.
  const field = (label, control, { hint = "" } = {}) => {
    const id = control.id || nextId();
    const meaning = make("p", { class: "field-hint", id: `${id}-hint` }, hint);
    const problem = make("p", { class: "field-problem", id: `${id}-problem`, role: "alert" });
    control.id = id;
    control.setAttribute("aria-describedby", `${id}-hint ${id}-problem`);
    const root = make("div", { class: "form-field" },
      make("label", { for: id }, label), control, meaning, problem);
    const refuse = (text) => {
      if (problem.textContent !== text) problem.textContent = text;
      control.setAttribute("aria-invalid", String(Boolean(text)));
    };
    return { root, control, refuse, hint: (text) => { meaning.textContent = text; } };
  };

  // choices: [[value, title]].
  const select = (choices, value) => make("select", {}, choices.map(([name, title]) =>
    make("option", { value: name, selected: name === value ? "" : null }, title)));

  // A number that may be left empty; `read()` gives it, null for none, or throws a RangeError that
  // is told beside the field.
  const number = (label, { least, most, whole = true, hint = "", unit = "" }) => {
    const input = make("input", {
      type: "number", class: "field", min: least, max: most, step: whole ? 1 : "any",
      inputmode: whole ? "numeric" : "decimal",
    });
    const made = field(label, input, { hint });
    const range = { least, most };
    const read = () => {
      const value = input.value === "" ? null : Number(input.value);
      const wrong = input.validity.badInput || (value !== null
        && ((whole && !Number.isInteger(value)) || value < range.least || value > range.most));
      const kind = whole ? "a whole number" : "a number";
      const problem = wrong ? `Give ${kind} from ${range.least} to ${range.most}${unit}.` : "";
      made.refuse(problem);
      if (!wrong) return value;
      throw Object.assign(new RangeError(problem), { control: input });
    };
    input.addEventListener("change", () => {
      try { read(); } catch (error) { if (!(error instanceof RangeError)) throw error; }
    });
    const limit = (from, to) => {
      Object.assign(range, { least: from, most: to });
      input.min = from;
      input.max = to;
    };
    return { ...made, read, limit };
  };

  // How far something is, 0 to 1; null: nobody knows.
  const meter = (label) => {
    const bar = make("span", {});
    const root = make("div", {
      class: "meter", role: "progressbar", "aria-label": label, "aria-valuemin": 0,
      "aria-valuemax": 100,
    }, bar);
    const show = (share, text) => {
      const percent = share === null ? null : Math.floor(100 * share);
      root.classList.toggle("unknown", percent === null);
      bar.style.width = percent === null ? "" : `${(100 * share).toFixed(1)}%`;
      if (percent === null) root.removeAttribute("aria-valuenow");
      else root.setAttribute("aria-valuenow", percent);
      root.setAttribute("aria-valuetext", text);
    };
    return { root, show };
  };

  // "a build runs" from the server begins a sentence here.
  const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
  const count = (value) => value.toLocaleString("en");

  return { cards, field, select, number, meter, sentence, count };
})());
