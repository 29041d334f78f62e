// The study's table: every pooling and distance of every run, in any order.
Object.assign(window.similarity, (() => {
  const { element: make, count, scrolling, figure } = window.similarity;
  const FLOORS = { colours: "colours only", pixels: "raw pixels" };
  const ROWS_SHOWN = 24;

  const COLUMNS = [
    ["network", "network", ({ run }) => run.arch ?? FLOORS[run.floor] ?? run.floor],
    ["set", "set", ({ run }) => run.dataset],
    ["recipe", "recipe", ({ run }) =>
      (run.kind === "untrained" ? `${run.settings.recipe}, untrained` : run.settings?.recipe)],
    ["scheduler", "scheduler", ({ run }) => (run.kind === "trained" ? run.settings.scheduler : null)],
    ["pooling", "pooling", ({ pair }) => (pair.pooling === "-" ? null : pair.pooling)],
    ["distance", "distance", ({ pair }) => pair.distance],
    ["values", "values", ({ pair }) => pair.vector_size],
    ["precision", "precision@8", ({ pair }) => pair.figures.precision_at_8],
    ["map", "mAP", ({ pair }) => pair.figures.mean_average_precision],
  ];
  const WORDS = 6;
  const comparable = (value) => (typeof value === "object" && value ? value.value : value ?? null);

  const sorted = (rows, order) => {
    const down = order.startsWith("-");
    const [, , of] = COLUMNS.find(([name]) => name === order.replace("-", "")) ?? COLUMNS[7];
    const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b);
    return rows.map((row) => [comparable(of(row)), row]).sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return down ? compare(b, a) : compare(a, b);
    }).map(([, row]) => row);
  };

  // A phone shows the network and the figures; what else there is stands below the network's name.
  const sideOf = (name, index) => [
    index < WORDS ? "words" : "", ["network", "precision", "map"].includes(name) ? "" : "desk-only",
  ].join(" ").trim() || null;

  const figureCell = (value) => [figure(value.value),
    make("span", { class: "desk-only" }, ` [${figure(value.low)}, ${figure(value.high)}]`)];

  const cell = (row, [name, , of], index) => {
    const value = of(row);
    const text = value && typeof value === "object" ? figureCell(value)
      : typeof value === "number" ? count(value) : value ?? "–";
    if (index) return make("td", { class: sideOf(name, index) }, text);
    const { run, pair } = row;
    const others = [
      run.dataset, run.kind === "untrained" ? "untrained" : null, run.settings?.recipe,
      run.kind === "trained" ? `scheduler ${run.settings.scheduler}` : null,
      run.floor ? pair.distance : `${pair.pooling} ${pair.distance}`,
    ].filter(Boolean);
    return make("th", { scope: "row", class: "words" },
      make("div", {},
        make("a", { href: `#/study?run=${encodeURIComponent(run.name)}`, title: run.name }, text)),
      make("small", { class: "phone-only" }, others.join(" · ")));
  };

  const pairTable = (rows, params, changed) => {
    const order = params.get("sort") ?? "-precision";
    const all = params.has("all");
    const shown = sorted(rows, order);
    const head = COLUMNS.map(([name, title], index) => {
      const now = order.replace("-", "") === name ? (order.startsWith("-") ? "descending" : "ascending") : null;
      const button = make("button", { type: "button", class: "sort" }, title,
        make("span", { "aria-hidden": "true" }, now === "descending" ? " ↓" : now ? " ↑" : ""));
      // Figures are wanted highest first, words from A.
      const first = index < WORDS ? name : `-${name}`;
      const other = first.startsWith("-") ? name : `-${name}`;
      button.addEventListener("click", () => changed("sort", order === first ? other : first, index));
      return make("th", { scope: "col", class: sideOf(name, index), "aria-sort": now }, button);
    });
    const more = make("button", { type: "button", class: "button" }, `Show all ${shown.length} rows`);
    more.addEventListener("click", () => changed("all", "1"));
    const visible = all ? shown : shown.slice(0, ROWS_SHOWN);
    return make("section", { class: "panel", "aria-labelledby": "pairs-title" },
      make("h3", { id: "pairs-title" }, "Every pooling and distance",
        make("span", { class: "quiet" }, `${shown.length} rows`, make("span", { class: "desk-only" },
          "; in brackets 95 % intervals over queries"))),
      scrolling("Figures of every run", make("table", { class: "figures pairs-table" },
        make("thead", {}, make("tr", {}, head)),
        make("tbody", {}, visible.map((row) => make("tr", {},
          COLUMNS.map((column, index) => cell(row, column, index))))))),
      visible.length < shown.length ? make("p", { class: "more" }, more) : null);
  };

  return { pairTable, STUDY_FLOORS: FLOORS };
})());
