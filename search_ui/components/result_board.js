const {
  element: make, icon, picture, notice, copyButton, api, chosen, problem, trail, back, ask, again,
  hasPicture, pictureOf, onQuestion, onAnswer,
} = similarity;
const GALLERY = 40; // five rows of eight at 1440 pixels
const EAGER_COLUMNS = 12;
const STEP = 8;
const root = element.querySelector(".drawn");
let board = null; // the last answer, if it is of the current question

const card = (hit, column, rows) => {
  const name = hit.label ? `${hit.label}, ${hit.title}` : hit.title;
  const agreed = `in ${hit.rows} of ${rows} rows`;
  const said = (text) => make("span", { class: "visually-hidden" }, text);
  const badge = { "aria-hidden": "true" };
  const main = make(
    "button",
    {
      type: "button", class: "card", "data-id": hit.id, "data-column": column, title: hit.facts,
      "aria-keyshortcuts": "i",
    },
    make("span", { class: "card-image" },
      picture(hit.thumb, "", { loading: column < EAGER_COLUMNS ? "eager" : "lazy" }),
      make("span", { class: "rank", ...badge }, String(hit.rank)),
      rows > 1
        ? make("span", { class: "agreed", title: agreed, ...badge }, `${hit.rows}/${rows}`) : null),
    said(`Rank ${hit.rank}, ${agreed}, score `),
    make("span", { class: "card-score" }, hit.score),
    said(", "),
    make("span", { class: "card-label" },
      hit.same ? icon("check") : null, make("span", {}, hit.label ?? hit.title)),
    said(`${hit.same ? ", the same label" : ""}. Search from it`),
  );
  // Not a stop of the Tab key: "i" on the card does the same.
  const more = make("button", {
    type: "button", class: "card-details", tabindex: "-1", title: "Details (i)",
    "aria-label": `Details of ${name}`,
  }, icon("info"));
  return make("div", { class: "hit" }, main, more);
};

const row = (shown, rows) => {
  const [pooling, distance] = shown.names;
  const [meaning, direction] = shown.meaning;
  const none = shown.same.startsWith("0/") ? " none" : "";
  return make("section", { class: "pair", "aria-label": shown.name },
    make("header", { class: "pair-head" },
      make("h3", {}, make("span", {}, pooling), make("span", { class: "thin" }, distance)),
      shown.same ? make("p", { class: `pair-same${none}` }, shown.same) : null,
      make("p", { class: "pair-meaning" }, make("span", {}, meaning), make("span", {}, direction))),
    make("div", { class: "cards" }, shown.hits.map((hit, column) => card(hit, column, rows))));
};

const trailView = (dataset) => {
  // Another dataset's images cannot be asked for here.
  const steps = trail
    .map((question, index) => ({ question, index }))
    .slice(0, -1)
    .filter(({ question }) => question.upload || question.dataset === dataset)
    .slice(-5);
  if (!steps.length) return null;
  return make("nav", { class: "trail", "aria-label": "Earlier queries" },
    icon("back"),
    steps.map(({ question, index }) => {
      const { name = "the picture before", thumb = "" } = pictureOf(question);
      const label = `Back to ${question.crop ? "a part of " : ""}${name}`;
      const step = make("button", { type: "button", title: label, "aria-label": label },
        picture(thumb, ""));
      step.addEventListener("click", () => back(index));
      return step;
    }));
};

const queryView = (question, { query, summary, dataset }) => {
  const thumb = picture(pictureOf(question).thumb ?? "", "");
  const frame = query.original
    ? make("button", { type: "button", "aria-label": "Details of the query", title: query.facts },
      thumb)
    : make("span", {}, thumb);
  frame.className = "asked-image";
  if (query.original) frame.addEventListener("click", () => showDetails(query.id));
  return make("header", { class: "asked" },
    frame,
    make("div", { class: "asked-text" },
      make("h2", { tabindex: "-1", title: query.title },
        query.label ? make("span", { class: "asked-label" }, query.label) : null,
        make("span", { class: query.label ? "asked-name thin" : "asked-name" }, query.title)),
      make("p", { role: "status" }, summary)),
    trailView(dataset),
    copyButton(() => location.href, "Copy link to this search", "Copy link"));
};

// What narrows the search down, each with how to take it away.
const narrowed = (question) => [
  question.crop ? { text: "part of the picture", changes: { crop: undefined } } : null,
  ...["label", "format"].flatMap((name) => (question[name] ?? []).map((value) => ({
    text: `${name}: ${value || "none"}`,
    changes: { [name]: question[name].filter((other) => other !== value) },
  }))),
  question.min_side
    ? { text: `at least ${question.min_side} px`, changes: { min_side: undefined } } : null,
].filter(Boolean);

const NOTHING = { crop: undefined, label: undefined, format: undefined, min_side: undefined };

const chips = (question) => {
  const all = narrowed(question);
  if (!all.length) return null;
  const buttons = all.map(({ text, changes }) => {
    const chip = make("button", { type: "button", class: "chip", "aria-label": `Remove ${text}` },
      text, icon("close"));
    chip.addEventListener("click", () => ask(changes));
    return chip;
  });
  const clear = make("button", { type: "button", class: "chip clear" }, "Clear all");
  clear.addEventListener("click", () => ask(NOTHING));
  return make("div", { class: "chips", role: "group", "aria-label": "Filters" },
    buttons, all.length > 1 ? clear : null);
};

const action = (text, act) => {
  const button = make("button", { type: "button", class: "button" }, text);
  button.addEventListener("click", act);
  return button;
};

const moreButton = (question, rows) => {
  const { most, start } = similarity.hits;
  const now = Number(question.k ?? start);
  if (now >= most || Math.max(...rows.map(({ hits }) => hits.length)) < now) return null;
  return action("More", () => ask({ k: Math.min(most, now + STEP) }, null, { replace: true }));
};

const results = (question, value) => {
  const rows = value.rows;
  const found = rows.some(({ hits }) => hits.length);
  return [
    queryView(question, value),
    chips(question),
    found
      ? [
        make("div", { class: "rows" }, rows.map((shown) => row(shown, rows.length))),
        make("div", { class: "rows-foot" },
          make("p", {}, make("kbd", {}, "arrows"), " move, ", make("kbd", {}, "Enter"),
            " searches from a picture, ", make("kbd", {}, "i"), " tells more about it"),
          moreButton(question, rows)),
      ]
      : notice("search", "Nothing passes these filters",
        "No picture of the dataset is as they ask for. Take some away, or all of them.",
        action("Clear all filters", () => ask({ ...NOTHING, crop: question.crop }))),
  ];
};

const failure = (question, { title, message, again: hope }) =>
  notice("alert", title, message, hope ? action("Try again", again) : null,
    trailView(question.dataset));

const waiting = () => [
  make("p", { class: "visually-hidden", role: "status" }, "Searching"),
  make("div", { class: "blank", "aria-hidden": "true" }, Array.from({ length: 32 }, () =>
    make("span"))),
];

const start = async (dataset) => {
  const shown = make("div", { class: "start" },
    make("h2", { tabindex: "-1" }, "Find pictures that look alike"),
    make("p", {}, "Drop or paste your own picture anywhere on this page, or choose one of these."));
  show("start", shown);
  const images = await api(`datasets/${encodeURIComponent(dataset.name)}/sample?count=${GALLERY}`);
  shown.append(
    make("div", { class: "gallery" }, images.map((image) => similarity.pick(image, dataset.name))),
    make("p", { class: "notice-facts" },
      `${dataset.images.toLocaleString("en")} images · ${dataset.checkpoint}`));
};

let lit = null;
const light = (id) => {
  if (id === lit) return;
  lit = id;
  root.toggleAttribute("data-lit", Boolean(id));
  for (const shown of root.querySelectorAll(".card")) {
    shown.classList.toggle("lit", shown.dataset.id === id);
  }
};

const show = (state, ...content) => {
  const focused = document.activeElement;
  const hadFocus = root.contains(focused) && focused.matches(":focus-visible");
  root.dataset.state = state;
  light(null);
  root.replaceChildren(...content.flat(Infinity).filter(Boolean));
  // Whoever works by keyboard goes on from the new heading, not from the top of the page.
  if (hadFocus) root.querySelector("h2")?.focus({ preventScroll: true });
};

let shownPicture;
const drawAnswer = (value) => {
  const question = similarity.question();
  board = value.state === "results" ? value : null;
  if (!board) {
    show("error", failure(question, value));
    return;
  }
  const samePicture = board.query.title === shownPicture;
  const scrolled = samePicture ? root.querySelector(".rows")?.scrollLeft : 0;
  shownPicture = board.query.title;
  show("results", results(question, board));
  if (scrolled) root.querySelector(".rows")?.scrollTo({ left: scrolled });
};

const drawQuestion = (question) => {
  if (hasPicture(question)) {
    // What is shown stays until there is an answer.
    if (!root.hasChildNodes()) show("waiting", waiting());
    return;
  }
  board = null;
  if (problem()) show("error", failure(question, { title: "The index cannot be read",
    message: problem() }));
  else if (!chosen()) show("unindexed", similarity.unindexed());
  else {
    start(chosen()).catch((error) => show("error",
      failure(question, { title: "The index cannot be read", message: error.message })));
  }
};

// Everything that a hit is in, for the big view.
const scoresOf = (id) => board.rows.flatMap(({ name, meaning, hits }) =>
  hits.filter((hit) => hit.id === id).map(({ rank, score }) => ({ name, rank, score, meaning })));
// What a hit was found by. Whitened vectors do not tell which part they come from.
const whyOf = (id) => {
  const rows = board.rows.filter(({ pooling, hits }) =>
    pooling !== "whitened" && hits.some((hit) => hit.id === id));
  if (!rows.length) return null;
  const question = similarity.question();
  const { original, thumb } = pictureOf(question);
  return {
    question,
    poolings: [...new Map(rows.map(({ pooling, names }) => [pooling, names[0]]))],
    query: { original: question.upload ? null : original, thumb, crop: question.crop },
  };
};
const showDetails = (id, within = []) => similarity.details(board.dataset, id, {
  ids: within, scores: scoresOf, why: whyOf,
});
const idsOf = (card) =>
  [...card.closest(".pair").querySelectorAll(".card")].map(({ dataset }) => dataset.id);

const cardOf = (event) => event.target.closest?.(".hit")?.querySelector(".card");
// Only a mouse that moves: new results under a resting one, or under a finger, stay all lit.
root.addEventListener("pointermove", (event) => {
  if (event.pointerType === "mouse") light(cardOf(event)?.dataset.id ?? null);
});
root.addEventListener("focusin", (event) => {
  if (event.target.matches(":focus-visible")) light(cardOf(event)?.dataset.id ?? null);
});
for (const type of ["pointerleave", "focusout"]) root.addEventListener(type, () => light(null));

root.addEventListener("click", (event) => {
  const of = cardOf(event);
  if (!of) return;
  const { id } = of.dataset;
  if (event.target.closest(".card-details")) {
    showDetails(id, idsOf(of));
    return;
  }
  const hit = board.rows.flatMap(({ hits }) => hits).find((candidate) => candidate.id === id);
  // Looked up before anything is drawn anew: afterwards the browser would have to lay it out first.
  const top = element.offsetTop;
  const below = window.scrollY > top;
  ask({ dataset: board.dataset, id }, { name: hit.title, label: hit.label, thumb: hit.thumb });
  if (below) window.scrollTo({ top });
});

// Arrow keys move through the grid of cards.
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
root.addEventListener("keydown", (event) => {
  const from = cardOf(event);
  if (from && event.key === "i") showDetails(from.dataset.id, idsOf(from));
  const step = STEPS[event.key];
  if (!from || !step) return;
  const rows = [...root.querySelectorAll(".pair")];
  const line = rows[rows.indexOf(from.closest(".pair")) + step[0]];
  const to = line?.querySelector(`[data-column="${Number(from.dataset.column) + step[1]}"]`);
  if (!to) return;
  event.preventDefault();
  to.focus();
  to.scrollIntoView({ block: "nearest", inline: "nearest" });
});

onAnswer(drawAnswer);
onQuestion(drawQuestion);
