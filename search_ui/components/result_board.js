const { element: make, icon, picture, notice, ask, back, trail } = similarity;
const root = element.querySelector(".drawn");
const EAGER_COLUMNS = 12;

const card = (hit, column) => {
  const name = hit.label ? `${hit.label}, ${hit.title}` : hit.title;
  return make(
    "button",
    {
      type: "button", class: "card", "data-id": hit.id, "data-column": column,
      title: hit.facts, "aria-label": `${hit.rank}: ${name}, score ${hit.score}. Search from it`,
    },
    make("span", { class: "card-image" },
      picture(hit.thumb, "", { loading: column < EAGER_COLUMNS ? "eager" : "lazy" }),
      make("span", { class: "rank" }, String(hit.rank))),
    make("span", { class: "card-score" }, hit.score),
    make("span", { class: "card-label" },
      hit.same ? icon("check") : null, make("span", {}, hit.label ?? hit.title)),
  );
};

const row = (shown) => {
  const [pooling, distance] = shown.names;
  const [meaning, direction] = shown.meaning;
  const none = shown.same.startsWith("0/") ? " none" : "";
  return make("section", { class: "pair", "aria-label": shown.name },
    make("header", { class: "pair-head" },
      make("h3", {}, make("span", {}, pooling), make("span", { class: "thin" }, distance)),
      shown.same ? make("p", { class: `pair-same${none}` }, shown.same) : null,
      make("p", { class: "pair-meaning" }, make("span", {}, meaning), make("span", {}, direction))),
    make("div", { class: "cards" }, shown.hits.map((hit, column) => card(hit, column))));
};

// Only queries that can be asked again here: another dataset's images are not in this one.
const earlier = (dataset) => trail
  .map((query, index) => ({ query, index }))
  .slice(0, -1)
  .filter(({ query }) => !query.dataset || query.dataset === dataset);

const trailView = (dataset) => {
  const steps = earlier(dataset).slice(-5);
  if (!steps.length) return null;
  return make("nav", { class: "trail", "aria-label": "Earlier queries" },
    icon("back"),
    steps.map(({ query, index }) => {
      const step = make("button",
        { type: "button", title: `Back to ${query.name}`, "aria-label": `Back to ${query.name}` },
        picture(query.thumb, ""));
      step.addEventListener("click", () => back(index));
      return step;
    }));
};

const queryView = ({ query, summary, dataset }) => {
  const thumb = picture(query.thumb ?? similarity.current()?.thumb ?? "", "");
  const frame = query.original
    ? make("a", { href: query.original, target: "_blank", rel: "noreferrer" }, thumb)
    : make("span", {}, thumb);
  frame.className = "asked-image";
  if (query.original) frame.setAttribute("aria-label", "Open the picture");
  if (query.facts) frame.title = query.facts;
  return make("header", { class: "asked" },
    frame,
    make("div", { class: "asked-text" },
      make("h2", { tabindex: "-1", title: query.title },
        query.label ? make("span", { class: "asked-label" }, query.label) : null,
        make("span", { class: query.label ? "asked-name thin" : "asked-name" }, query.title)),
      make("p", { role: "status" }, summary)),
    trailView(dataset));
};

const startPick = (image, dataset) => {
  const name = image.label ? `${image.label}, ${image.title}` : image.title;
  const button = make("button",
    { type: "button", class: "pick", title: name, "aria-label": `Search from ${name}` },
    picture(image.thumb, "", { loading: "lazy" }));
  button.addEventListener("click", () =>
    ask({ name: image.title, thumb: image.thumb, dataset, id: image.id }));
  return button;
};

const VIEWS = {
  start: ({ summary, gallery, dataset }) => make("div", { class: "start" },
    make("h2", { tabindex: "-1" }, "Find pictures that look alike"),
    make("p", {}, "Drop or paste your own picture anywhere on this page, or choose one of these."),
    make("div", { class: "gallery" }, gallery.map((image) => startPick(image, dataset))),
    make("p", { class: "notice-facts" }, summary)),
  unindexed: similarity.unindexed,
  unchosen: () => notice("layers", "Nothing to compare with",
    "Choose at least one pooling and one distance."),
  error: ({ title, message }) => notice("alert", title, message, trailView(null)),
  results: (value) => [
    queryView(value), make("div", { class: "rows" }, value.rows.map(row)),
  ],
};

let lit = null;
let shownQuery;
const light = (id) => {
  if (id === lit) return;
  lit = id;
  root.toggleAttribute("data-lit", Boolean(id));
  for (const shown of root.querySelectorAll(".card")) {
    shown.classList.toggle("lit", shown.dataset.id === id);
  }
};

const draw = () => {
  const value = props.value;
  if (!value?.state) return;
  const focused = document.activeElement;
  const hadFocus = root.contains(focused) && focused.matches(":focus-visible");
  const sameQuery = JSON.stringify(value.query) === shownQuery;
  const scrolled = sameQuery ? root.querySelector(".rows")?.scrollLeft : 0;
  shownQuery = JSON.stringify(value.query);
  root.dataset.state = value.state;
  light(null);
  similarity.answered(value.state !== "error", value.query);
  root.replaceChildren(...[VIEWS[value.state](value)].flat());
  if (scrolled) root.querySelector(".rows")?.scrollTo({ left: scrolled });
  // Whoever works by keyboard goes on from the new heading, not from the top of the page.
  if (hadFocus) root.querySelector("h2")?.focus({ preventScroll: true });
};

const cardOf = (event) => event.target.closest?.(".card");
// Only a mouse that moves: new results under a resting one, or under a finger, stay all lit.
root.addEventListener("pointermove", (event) => {
  if (event.pointerType === "mouse") light(cardOf(event)?.dataset.id ?? null);
});
root.addEventListener("focusin", (event) => {
  if (event.target.matches(":focus-visible")) light(cardOf(event)?.dataset.id ?? null);
});
for (const type of ["pointerleave", "focusout"]) root.addEventListener(type, () => light(null));

root.addEventListener("click", (event) => {
  const id = cardOf(event)?.dataset.id;
  const hits = (props.value.rows ?? []).flatMap((shown) => shown.hits);
  const hit = hits.find((candidate) => candidate.id === id);
  if (!hit) return;
  ask({ name: hit.title, thumb: hit.thumb, dataset: props.value.dataset, id });
  window.scrollTo({ top: Math.min(window.scrollY, element.offsetTop) });
});

// Arrow keys move through the grid of cards.
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
root.addEventListener("keydown", (event) => {
  const from = cardOf(event);
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

watch("value", draw);
draw();
