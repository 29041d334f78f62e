const {
  element: make, notice, command, view, api, note,
  table, folded, between, significant, legend,
  lineChart, dots, dotLegend, scatter, pairTable, STUDY_FLOORS: FLOORS,
} = similarity;
const root = element.querySelector(".drawn");
const FIGURES = {
  precision_at_8: "precision@8", mean_average_precision: "mAP", precision_at_1: "precision@1",
  precision_at_10: "precision@10", ndcg_at_10: "nDCG@10",
};
const LINES_SHOWN = 6;
const unique = (values) => [...new Set(values)];
const count = (value) => (value === null ? "–" : value.toLocaleString("en"));
const percent = (value) => (value === null ? null : `${(value * 100).toFixed(0)} %`);

// A run's network and training in a few words; what all runs share goes without saying, and what
// all runs of a recipe share comes with its name.
const naming = (runs) => {
  const varies = (of, inside = runs) => unique(inside.map(of)).length > 1;
  const variesInRecipe = (of) => unique(runs.map(({ settings }) => settings.recipe)).some((recipe) =>
    varies(of, runs.filter(({ settings }) => settings.recipe === recipe)));
  const scheduler = ({ settings }) => settings.scheduler;
  const loss = ({ settings }) => settings.loss;
  const size = ({ image_size: pixels }) => `${pixels} px`;
  const epochs = ({ settings }) => `${settings.epochs} epochs`;
  const seed = ({ settings: { seed: number } }) => `seed ${number}`;
  const told = [
    ({ arch }) => arch, ({ settings }) => settings.recipe,
    ...[scheduler, loss].filter(variesInRecipe),
    ...[size, epochs, seed].filter((of) => varies(of)),
  ];
  return (run) => told.map((of) => of(run)).join(" · ");
};

// No step changed its loss: what it finds, it finds by its random weights.
const learnedNothing = ({ validation_losses: losses }) =>
  losses.length > 1 && unique(losses).length === 1 ? " · learned nothing" : "";

// ---- Filters: kept in the address, so that what is looked at can be shared.

const CHOICES = [
  ["set", "Set", ({ run }) => run.dataset],
  ["arch", "Network", ({ run }) => run.arch],
  ["recipe", "Recipe", ({ run }) => run.settings?.recipe],
  ["scheduler", "Scheduler", ({ run }) => run.settings?.scheduler],
  ["pooling", "Pooling", ({ pair }) => (pair.pooling === "-" ? null : pair.pooling)],
  ["distance", "Distance", ({ pair }) => pair.distance],
];

// A row is one pair of one run. Floors have no network, so only set and distance part them.
const passes = (row, params) => CHOICES.every(([name, , of]) => {
  const wanted = params.get(name);
  return !wanted || of(row) === wanted || (row.run.floor && !["set", "distance"].includes(name));
});

const filters = (rows, params, changed) => {
  const field = (name, title, options) => {
    const select = make("select", { id: `study-${name}` }, options.map(([value, text]) =>
      make("option", { value }, text)));
    select.value = params.get(name) ?? options[0][0];
    if (select.selectedIndex < 0) select.value = options[0][0];
    select.addEventListener("change", () => changed(name, select.value));
    return make("div", { class: "filter" }, make("label", { for: select.id }, title), select);
  };
  return make("div", { class: "filters", role: "group", "aria-label": "Filters" },
    CHOICES.map(([name, title, of]) => [name, title, unique(rows.map(of)).filter(Boolean).sort()])
      .filter(([, , values]) => values.length > 1)
      .map(([name, title, values]) =>
        field(name, title, [["", "all"], ...values.map((value) => [value, value])])),
    field("figure", "Figure",
      ["precision_at_8", "mean_average_precision"].map((name) => [name, FIGURES[name]])));
};

// ---- Runs of one set against what needs no training

const bestOf = (rows, name) => rows.reduce(
  (best, row) => (!best || row.pair.figures[name].value > best.pair.figures[name].value ? row : best),
  null);

const floorsOf = (rows, set, name) => Object.keys(FLOORS).map((kind) => {
  const best = bestOf(rows.filter(({ run }) => run.dataset === set && run.floor === kind), name);
  return best && { kind, name: FLOORS[kind], value: best.pair.figures[name].value };
}).filter(Boolean);

// Sets with as many runs stand side by side.
const bySize = (sets, shown) => {
  const runs = (set) => trainedOn(set, shown).length;
  return [...sets].sort((a, b) => runs(b) - runs(a) || a.localeCompare(b));
};
const trainedOn = (set, shown) => unique(
  shown.filter(({ run }) => run.dataset === set && run.kind === "trained").map(({ run }) => run));

// Where few are missing, they are named: sets are compared by their rows.
const MISSING_SHOWN = 3;
const missingOn = (names, all) => {
  const missing = all.filter((name) => !names.includes(name));
  return missing.length > MISSING_SHOWN ? []
    : missing.map((name) => ({ name, detail: "not run on this set" }));
};

const setPanel = (set, shown, name, nameOf) => {
  const rows = shown.filter(({ run }) => run.dataset === set);
  const trained = trainedOn(set, shown);
  const items = trained.map((run) => {
    const best = bestOf(rows.filter((row) => row.run === run), name);
    const start = bestOf(rows.filter((row) => row.run.name === run.start), name);
    return {
      name: nameOf(run) + learnedNothing(run), href: `#/study?run=${encodeURIComponent(run.name)}`,
      detail: `${best.pair.pooling} ${best.pair.distance}`,
      interval: best.pair.figures[name], start: start?.pair.figures[name],
    };
  }).sort((a, b) => b.interval.value - a.interval.value);
  const all = unique(shown.filter(({ run }) => run.kind === "trained").map(({ run }) => nameOf(run)));
  const missing = missingOn(items.map((item) => item.name), all);
  return make("section", { class: "panel", "aria-label": set },
    make("h3", {}, set, make("span", { class: "quiet" }, `${count(rows[0].run.queries)} queries`)),
    items.length
      ? dots([...items, ...missing], floorsOf(shown, set, name), { label: `${FIGURES[name]} on ${set}, best first` })
      : make("p", { class: "quiet" }, "No training of this kind was run on this set."));
};

// ---- Losses, and what longer vectors are worth

const lossCharts = (shown, nameOf) => {
  const runs = unique(shown.map(({ run }) => run))
    .filter((run) => run.kind === "trained" && run.validation_losses.length);
  const key = ({ dataset, settings }) => `${dataset}: ${settings.recipe}, ${settings.loss}`;
  const groups = unique(runs.map(key));
  if (!groups.length) return null;
  return make("section", { class: "panel", "aria-labelledby": "losses-title" },
    make("h3", { id: "losses-title" }, "How the losses fell",
      make("span", { class: "quiet" }, "validation loss; losses of two recipes measure different things")),
    make("div", { class: "charts" }, groups.map((group) => {
      const inside = runs.filter((run) => key(run) === group);
      return make("div", {}, lineChart({
        title: group,
        lines: inside.slice(0, LINES_SHOWN).map((run) =>
          ({ name: nameOf(run), values: run.validation_losses })),
      }), inside.length > LINES_SHOWN ? make("p", { class: "quiet" },
        `${inside.length - LINES_SHOWN} more: choose a network or a scheduler above.`) : null);
    })),
    folded("Losses as a table", table(["set", "run", "epoch", "validation loss"],
      runs.flatMap((run) => run.validation_losses.map((loss, index) =>
        [run.dataset, nameOf(run), String(index + 1), significant(loss)])),
      { words: 2, label: "Losses" })));
};

const sizeChart = (set, rows, poolings, name) => scatter({
  title: set, xTitle: "values, logarithmic",
  summary: `${FIGURES[name]} on ${set} by vector size`,
  series: poolings.map((pooling) => ({
    name: pooling,
    points: rows.filter(({ pair }) => pair.pooling === pooling).map(({ run, pair }) => ({
      x: pair.vector_size, y: pair.figures[name].value,
      title: `${run.arch}, ${pooling} ${pair.distance}, ${count(pair.vector_size)} values: `
        + between(pair.figures[name]),
    })),
  })),
});

const sizeCharts = (shown, sets, name) => {
  const rows = shown.filter(({ run, pair }) => run.kind === "trained" && pair.vector_size);
  const poolings = unique(rows.map(({ pair }) => pair.pooling)).sort();
  const found = sets.filter((set) => rows.some(({ run }) => run.dataset === set));
  if (!found.length) return null;
  return make("section", { class: "panel", "aria-labelledby": "sizes-title" },
    make("h3", { id: "sizes-title" }, "Are longer vectors worth it?",
      make("span", { class: "quiet" }, `${FIGURES[name]} of every trained pair by the length of its vector; the table has the values`)),
    legend(poolings, { lines: false }),
    make("div", { class: "charts" }, found.map((set) =>
      sizeChart(set, rows.filter(({ run }) => run.dataset === set), poolings, name))));
};

// ---- One run

const runFacts = (run) => [
  ["set", `${run.dataset}, ${count(run.queries)} queries`],
  ["network", run.arch], ["image size", run.image_size && `${run.image_size} pixels`],
  ["latent", run.latent?.map(count).join(" × ")],
  ["recipe", run.settings?.recipe], ["scheduler", run.settings?.scheduler],
  ["loss", run.settings?.loss],
  ["epochs", run.settings && `${run.settings.epochs}${run.best_epoch ? `, kept: number ${run.best_epoch}` : ""}`],
  ["trained on", run.images && `${count(run.images.training)} images, ${count(run.images.validation)} more to watch`],
  ["learning rate", run.settings && String(run.settings.lr)],
  ["batch size", run.settings && String(run.settings.batch_size)],
  ["seed", run.settings && String(run.settings.seed)],
  ["mixed precision", run.settings?.amp !== "off" && run.settings?.amp],
  ["processes", run.settings?.processes > 1 && String(run.settings.processes)],
  ["dead channels", percent(run.dead_channels)],
  ["effective rank", run.effective_rank && run.effective_rank.toFixed(1)],
  ["training took", run.seconds && `${run.seconds.train?.toFixed(0)} s`],
  ["encoding took", run.seconds && `${run.seconds.encode?.toFixed(1)} s`],
  ["machine", run.machine], ["torch", run.torch],
].filter(([, value]) => value);

const title = (run) => {
  if (run.floor) return `${FLOORS[run.floor] ?? run.floor} on ${run.dataset}`;
  const how = run.kind === "untrained" ? "untrained" : `trained by the recipe “${run.settings.recipe}”`;
  return `${run.arch} on ${run.dataset}, ${how}`;
};

const epochTable = (history) => table(
  ["epoch", "training", "validation", "dead channels", "learning rate"],
  history.map((epoch) => [String(epoch.epoch), significant(epoch.train_loss),
    significant(epoch.validation_loss), percent(epoch.dead_channels) ?? "–", significant(epoch.lr)]),
  { label: "Epochs" });

let back = "#/study";
const showRun = async (name) => {
  const [run, { runs }] = await Promise.all([api(`study/${encodeURIComponent(name)}`), api("study")]);
  const rows = runs.flatMap((each) => each.pairs.map((pair) => ({ run: each, pair })));
  const figures = Object.keys(run.pairs[0].figures);
  const start = runs.find((each) => each.name === run.start);
  const items = run.pairs.map((pair) => ({
    name: pair.pooling === "-" ? pair.distance : `${pair.pooling} · ${pair.distance}`,
    detail: pair.vector_size ? `${count(pair.vector_size)} values` : "no network",
    interval: pair.figures.precision_at_8,
    start: start?.pairs.find((each) =>
      each.pooling === pair.pooling && each.distance === pair.distance)?.figures.precision_at_8,
  }));
  const lines = [["training", "train_loss"], ["validation", "validation_loss"]]
    .map(([title, key]) => ({ name: title, values: run.history.map((epoch) => epoch[key]) }));
  return [
    make("p", {}, make("a", { class: "button", href: back }, "← All runs")),
    make("header", { class: "view-head" }, make("div", {},
      make("h2", { tabindex: "-1" }, title(run)), make("p", { class: "name" }, run.name))),
    make("div", { class: "halves" },
      make("section", { class: "panel" }, make("h3", {}, "Settings"),
        make("dl", { class: "facts" }, runFacts(run).map(([term, value]) =>
          make("div", {}, make("dt", {}, term), make("dd", {}, value))))),
      make("div", { class: "stack" },
        make("section", { class: "panel" }, make("h3", {}, "precision@8"),
          dotLegend(), dots(items, floorsOf(rows, run.dataset, "precision_at_8"),
            { label: `precision@8 of every pair on ${run.dataset}` })),
        run.history.length ? make("section", { class: "panel" }, make("h3", {}, "How the loss fell"),
          lineChart({ title: "Loss by epoch", lines }),
          folded("Epochs as a table", epochTable(run.history))) : null)),
    make("section", { class: "panel" }, make("h3", {}, "All figures"),
      table(["pair", ...figures.map((name) => FIGURES[name] ?? name)],
        run.pairs.map((pair, index) =>
          [items[index].name, ...figures.map((name) => between(pair.figures[name]))]),
        { label: "All figures" })),
  ];
};

// ---- The view

const intro = (study) => make("header", { class: "view-head" }, make("div", {},
  make("h2", { tabindex: "-1" }, "Study"),
  make("p", {}, "Networks trained on labelled sets without seeing a label, judged by every image of "
    + "the set as a query. precision@8: how many of the first eight answers carry the query's label. "
    + "mAP: the same over the whole ranking. Only what lies right of the untrained network, of "
    + "colours and of raw pixels has learned something.",
  study.unreadable ? ` ${study.unreadable} files hold no result and are left out.` : null,
  study.left_out ? ` ${study.left_out} further files are not shown.` : null)));

const showAll = (study, params) => {
  const rows = study.runs.flatMap((run) => run.pairs.map((pair) => ({ run, pair })));
  const results = make("div", { class: "results" });
  const changed = (name, value, column) => {
    if (value) params.set(name, value);
    else params.delete(name);
    note(params);
    draw();
    if (column !== undefined) results.querySelectorAll(".sort")[column]?.focus();
  };
  const draw = () => {
    back = location.hash;
    const name = params.get("figure") in FIGURES ? params.get("figure") : "precision_at_8";
    const shown = rows.filter((row) => passes(row, params));
    const sets = bySize(unique(shown.map(({ run }) => run.dataset)), shown);
    const nameOf = naming(unique(shown.filter(({ run }) => run.kind === "trained").map(({ run }) => run)));
    if (!shown.some(({ run }) => !run.floor)) {
      results.replaceChildren(notice("search", "No run is like that",
        "Set one of the filters back to “all”."));
      return;
    }
    results.replaceChildren(...[
      dotLegend(),
      make("div", { class: "sets" }, sets.map((set) => setPanel(set, shown, name, nameOf))),
      pairTable(shown, params, changed),
      sizeCharts(shown, sets, name),
      lossCharts(shown, nameOf),
    ].filter(Boolean));
  };
  draw();
  return [intro(study), filters(rows, params, changed), results];
};

const nothing = () => notice("layers", "No study was run here",
  "The study trains the architectures on labelled sets of yours and judges every <pooling, distance> "
  + "pair. Its results appear here when it has left some in docs/results/study, or in the folder "
  + "that IMAGE_SIMILARITY_STUDY names.",
  make("div", { class: "commands" },
    command("python scripts/study.py list six"),
    command("python scripts/study.py run six --data FOLDER")));

let turn = 0;
view("study", async (params) => {
  const mine = ++turn;
  let content;
  try {
    if (params.get("run")) content = await showRun(params.get("run"));
    else {
      const study = await api("study");
      content = study.runs.length ? showAll(study, params) : [nothing()];
    }
  } catch (error) {
    if (error.name !== "Error") throw error; // a mistake of this page, not an answer
    content = [notice("alert", "This cannot be shown", error.message,
      make("a", { class: "button", href: "#/study" }, "All runs"))];
  }
  // Another visit may have overtaken this one.
  if (mine !== turn) return;
  const hadFocus = root.contains(document.activeElement);
  root.replaceChildren(...content.filter(Boolean));
  if (hadFocus) root.querySelector("h2")?.focus({ preventScroll: true });
  if (params.get("run")) window.scrollTo({ top: 0 });
});
