const { element: make, ask, api, chosen, onQuestion } = similarity;
const { poolings, distances, formats, hits } = props.value;
similarity.hits = hits;
const SIDES = [256, 512, 1024, 2048, 4096];
const FEW_LABELS = 8;
const root = element.querySelector(".drawn");
let drawn = null;
let controls = [];

const list = (values) => [values ?? []].flat();

// A group of boxes. `set(question)` brings them in line with a question.
const checks = (name, title, choices, { all = false } = {}) => {
  const boxes = choices.map(({ value, text, count }) => {
    const input = make("input", { type: "checkbox", value });
    const label = make("label", { class: "check" }, input, make("span", {}, text),
      count === undefined ? null : make("span", { class: "count" }, count.toLocaleString("en")));
    return { input, label };
  });
  const chosenBoxes = () => boxes.filter(({ input }) => input.checked);
  // Where every box means the same as none, at least one stays.
  const hold = () => boxes.forEach(({ input }) => {
    input.disabled = all && input.checked && chosenBoxes().length === 1;
  });
  for (const { input } of boxes) {
    input.addEventListener("change", () => {
      hold();
      const values = chosenBoxes().map((box) => box.input.value);
      ask({ [name]: all && values.length === boxes.length ? undefined : values });
    });
  }
  const set = (question) => {
    const values = list(question[name]);
    for (const { input } of boxes) {
      input.checked = values.length ? values.includes(input.value) : all;
    }
    hold();
  };
  const shown = make("fieldset", { class: "checks", id: `${name}s` },
    make("legend", {}, title), make("div", { class: "checks-list" }, boxes.map(({ label }) => label)));
  return { shown, set, boxes };
};

const numberOfHits = () => {
  const range = make("input", { type: "range", min: 1, max: hits.most, id: "k-range" });
  const number = make("input",
    { type: "number", min: 1, max: hits.most, class: "field", "aria-label": "Similar images, number" });
  const change = (value) => {
    const k = Math.max(1, Math.min(hits.most, Math.round(Number(value)) || hits.start));
    ask({ k: k === hits.start ? undefined : k }, null, { replace: true });
  };
  range.addEventListener("input", () => { number.value = range.value; });
  range.addEventListener("change", () => change(range.value));
  number.addEventListener("change", () => change(number.value));
  const set = ({ k = hits.start }) => { range.value = k; number.value = k; };
  const shown = make("div", { class: "hits-number", id: "k" },
    make("label", { for: "k-range" }, "Similar images"), number, range);
  return { shown, set };
};

const labelChoices = (labels) => {
  const group = checks("label", "Labels", labels.map(({ label, images }) => ({
    value: label, text: label || "no label", count: images,
  })));
  if (labels.length <= FEW_LABELS) return group;
  const find = make("input",
    { type: "search", class: "field", placeholder: "Find a label", "aria-label": "Find a label" });
  find.addEventListener("input", () => {
    const wanted = find.value.trim().toLowerCase();
    group.boxes.forEach(({ input, label }) => {
      label.hidden = !input.value.toLowerCase().includes(wanted) && !input.checked;
    });
  });
  group.shown.querySelector(".checks-list").before(find);
  return group;
};

const leastSide = () => {
  const select = make("select", { id: "min-side" });
  select.addEventListener("change", () => ask({ min_side: select.value || undefined }));
  const set = ({ min_side: side = "" }) => {
    const sides = [...new Set([...SIDES, ...(side ? [Number(side)] : [])])].sort((a, b) => a - b);
    select.replaceChildren(make("option", { value: "" }, "any size"),
      ...sides.map((pixels) => make("option", { value: pixels }, `at least ${pixels} px`)));
    select.value = side;
  };
  const shown = make("div", { class: "least-side" },
    make("label", { for: "min-side" }, "Shorter side"), select);
  return { shown, set };
};

const section = (title, ...content) =>
  make("section", { class: "settings-part" }, make("h3", {}, title), content);

const draw = (dataset) => {
  const known = (all, there) => all.filter(({ value }) => there.includes(value));
  const filters = section("Filters");
  controls = [
    numberOfHits(),
    checks("pooling", "Pooling", known(poolings, Object.keys(dataset.vector_sizes)), { all: true }),
    checks("distance", "Distance", known(distances, dataset.distances), { all: true }),
  ];
  root.replaceChildren(section("Settings", controls.map(({ shown }) => shown)), filters);
  addFilters(dataset, filters);
};

const addFilters = async (dataset, filters) => {
  const path = `datasets/${encodeURIComponent(dataset.name)}`;
  // Without them the filters are only fewer.
  const [labels, kinds] = await Promise.all(
    ["labels", "formats"].map((what) => api(`${path}/${what}`).catch(() => [])));
  if (drawn !== dataset) return;
  const added = [];
  if (labels.length > 1) added.push(labelChoices(labels));
  if (kinds.length > 1) {
    added.push(checks("format", "Format", kinds.map(({ format, images }) => ({
      value: format, text: formats[format] ?? format, count: images,
    }))));
  }
  added.push(leastSide());
  filters.append(...added.map(({ shown }) => shown));
  controls.push(...added);
  added.forEach(({ set }) => set(similarity.question()));
};

onQuestion((question) => {
  const dataset = chosen();
  if (dataset !== drawn) {
    drawn = dataset;
    root.replaceChildren();
    if (dataset) draw(dataset);
  }
  controls.forEach(({ set }) => set(question));
});
