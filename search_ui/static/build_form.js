// The form of a build: where the pictures come from, what encodes them, what it is called.
Object.assign(window.similarity, (() => {
  const {
    element: make, icon, api, cards, field, select, number, sentence, plural,
  } = window.similarity;
  const NAME = /^[a-z0-9_-]{1,64}$/;

  const step = (index, title, ...content) => make("section", { class: "panel step" },
    make("h3", {},
      make("span", { class: "step-number", "aria-hidden": "true" }, String(index)), title),
    content);

  const folded = (title, ...content) => make("details", {}, make("summary", {}, title), content);

  // Reads its controls; a number out of range throws.
  const trainingPart = ({ architectures, weights, colours, meanings, defaults }) => {
    const arch = field("Architecture",
      select(architectures.map(({ name }) => [name, name]), defaults.arch));
    const epochs = number("Epochs", { least: 1, most: 10000, hint: meanings.epochs });
    const minutes = number("Minutes at most",
      { least: 0.1, most: 10080, whole: false, hint: `${meanings.minutes} Empty: no limit.` });
    const size = number("Image size", { unit: " pixels", hint: meanings.image_size });
    const start = field("Start from", select([
      ["none", "nothing"], ["default", "the ready checkpoint"],
    ], defaults.weights));
    const colour = field("Colour", select(
      colours.map(({ value }) => [value, value === "keep" ? "counts" : "does not count"]),
      defaults.colour));
    const meaningOf = (list, value) => list.find((each) => each.value === value).meaning;
    const chosen = () => architectures.find(({ name }) => name === arch.control.value);

    const explain = () => {
      start.hint(meaningOf(weights, start.control.value));
      colour.hint(meaningOf(colours, colour.control.value));
    };
    const fit = () => {
      const { summary, encoder_parameters: learned, latent, ...option } = chosen();
      arch.hint(`${sentence(summary)}. ${(learned / 1e6).toFixed(1)} million learned numbers; ` +
        `an image becomes ${latent.join(" × ")}.`);
      epochs.control.value = option.epochs;
      size.control.value = option.image_size;
      size.limit(option.least_image_size, option.largest_image_size);
      start.control.value = option.weights.includes(start.control.value)
        ? start.control.value : "none";
      start.root.hidden = option.weights.length < 2;
      for (const each of [epochs, size]) each.refuse("");
      explain();
    };
    arch.control.addEventListener("change", fit);
    for (const { control } of [start, colour]) control.addEventListener("change", explain);
    fit();
    const more = folded("Image size, start and colour",
      make("div", { class: "fields" }, size.root, start.root, colour.root));
    return {
      root: make("div", {},
        make("div", { class: "fields" }, arch.root, epochs.root, minutes.root), more),
      read: () => {
        try {
          return {
            kind: "train", arch: arch.control.value, image_size: size.read(),
            epochs: epochs.read(), minutes: minutes.read(),
            weights: start.control.value, colour: colour.control.value,
          };
        } catch (error) {
          if (more.contains(error.control)) more.open = true;
          throw error;
        }
      },
    };
  };

  const modelPart = (options) => {
    const training = trainingPart(options);
    const meanings = Object.fromEntries(
      options.models.map(({ value, meaning }) => [value, meaning]));
    const show = (kind) => { training.root.hidden = kind !== "train"; };
    const choice = cards({
      label: "What encodes the pictures", value: options.defaults.model, change: show,
      choices: [
        { value: "default", title: "The ready model, fast", text: meanings.default },
        { value: "train", title: "Train on these pictures", text: meanings.train },
      ],
    });
    show(options.defaults.model);
    return {
      root: make("div", {}, choice.root,
        make("div", { class: "choice-detail" }, training.root)),
      read: () => (choice.chosen() === "train" ? training.read() : { kind: "default" }),
    };
  };

  const distancesPart = ({ distances, meanings, defaults }) => {
    const boxes = distances.map(({ value }) => make("input", {
      type: "checkbox", value, checked: defaults.distances.includes(value) ? "" : null,
      "aria-labelledby": `build-${value}-title`, "aria-describedby": `build-${value}-text`,
    }));
    const problem = make("p", { class: "field-problem", role: "alert" });
    const chosen = () => boxes.filter(({ checked }) => checked).map(({ value }) => value);
    const title = make("summary", {});
    const tell = () => { title.textContent = `Distances: ${chosen().join(" and ") || "none"}`; };
    const root = make("details", {}, title,
      make("p", { class: "field-hint" }, meanings.distances),
      make("div", { class: "boxes", role: "group", "aria-label": "Distances" },
        distances.map(({ value, meaning }, index) => make("label", {}, boxes[index],
          make("span", {}, make("b", { id: `build-${value}-title` }, value),
            make("span", { id: `build-${value}-text` }, meaning))))),
      problem);
    root.addEventListener("change", () => { problem.textContent = ""; tell(); });
    tell();
    return {
      root,
      read: () => {
        if (chosen().length) return chosen();
        root.open = true;
        problem.textContent = "Choose at least one distance.";
        throw Object.assign(new RangeError(problem.textContent), { control: boxes[0] });
      },
    };
  };

  const namePart = (meaning) => {
    const made = field("Name of the dataset", make("input", {
      class: "field", maxlength: 64, autocomplete: "off", autocapitalize: "none",
      spellcheck: "false",
    }), { hint: meaning });
    const input = made.control;
    let known = [];
    let typed = false;
    const problem = () => {
      if (!input.value) return "";
      if (NAME.test(input.value) && !input.value.includes("__")) return "";
      const strange = input.value.match(/[^a-z0-9_-]/u)?.[0];
      const what = strange === " " ? "A space" : `“${strange ?? "__"}”`;
      return `${what} cannot be in a name: use a-z, 0-9, - and single _.`;
    };
    const check = () => {
      made.refuse(problem());
      const taken = known.find(({ name }) => name === input.value);
      made.hint(taken ? `There is a dataset “${taken.name}” (${plural(taken.images, "image")}): ` +
        "it is brought in line if it is of the same pictures, and left alone if not." : meaning);
    };
    input.addEventListener("input", () => {
      typed = input.value !== "";
      check();
    });
    similarity.onDatasets((list) => { known = list; check(); });
    return {
      root: made.root,
      // Until somebody types another.
      suggest: (name) => {
        input.placeholder = name || "named after the pictures";
        if (!typed) input.value = name;
        check();
      },
      forget: () => { typed = false; },
      read: () => {
        if (problem()) throw Object.assign(new RangeError(problem()), { control: input });
        return input.value || null;
      },
    };
  };

  // With nothing to search yet, one click should give something.
  const firstSource = ({ folders }, datasets) =>
    (folders.length ? "folder" : datasets ? "archive" : "demo");

  // The form; `started(job)` is called when the server has begun.
  const buildForm = (options, { datasets, started }) => {
    const name = namePart(options.meanings.name);
    const source = similarity.buildSource(options, {
      first: firstSource(options, datasets), changed: () => name.suggest(source.name()),
    });
    const model = modelPart(options);
    const distances = distancesPart(options);
    const problem = make("p", { class: "field-problem", role: "alert" });
    const build = make("button", { type: "submit", class: "button main large" },
      icon("layers"), make("span", {}, "Build"));
    const busy = make("p", { class: "waits", role: "status" });
    name.suggest(source.name());

    const root = make("form", { class: "build-form", novalidate: "" },
      step(1, "Where are the pictures?", source.root),
      step(2, "What turns them into numbers?", model.root, distances.root),
      step(3, "What is it called?", name.root),
      make("div", { class: "build-end" }, problem, make("div", {}, build, busy)));

    let sending = false;
    let other = false;
    const show = () => {
      build.disabled = sending || other;
      build.lastChild.textContent = sending ? "Starting …" : "Build";
    };

    root.addEventListener("input", () => { problem.textContent = ""; });
    root.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (sending || other) return;
      problem.textContent = "";
      sending = true;
      show();
      try {
        const asked = { model: model.read(), name: name.read(), distances: distances.read() };
        const body = JSON.stringify({ ...asked, source: await source.read() });
        const headers = { "Content-Type": "application/json" };
        const job = await api("build", { method: "POST", headers, body });
        source.spent();
        name.forget();
        started(job);
      } catch (error) {
        // What is told beside its field is not told twice.
        if (!(error instanceof RangeError)) problem.textContent = sentence(error.message);
        error.control?.focus();
      } finally {
        sending = false;
        show();
      }
    });
    return {
      root,
      take: source.take,
      // One build runs at a time; `words` say which, null: none.
      wait: (words) => {
        other = Boolean(words);
        busy.replaceChildren(...(words ?? []));
        show();
      },
    };
  };

  return { buildForm };
})());
