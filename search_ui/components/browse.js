const {
  element: make, icon, notice, command, api, address, view, go, chosen, plural, bytes, tiles,
  skeleton, pager, pageSteps, parts, unindexed, worker,
} = similarity;
const root = element.querySelector(".drawn");
const PAGE = 72; // whole rows of 9, 8, 6, 4 and 3 tiles
const FAILURES = 100;
const CHIPS = 14; // more labels than these are searched instead
// The first one is that of a view nobody has ordered: by name it would begin with one label only.
const ORDERS = [
  ["mixed", "Mixed"], ["name", "By name"], ["newest", "Newest first"], ["oldest", "Oldest first"],
  ["largest", "Largest first"], ["smallest", "Smallest first"], ["shuffled", "Shuffled"],
];
let visit = 0;
let drawn = null; // of which address and state of the dataset
let left = 0; // how far down somebody left it

const USUAL = ORDERS[0][0];

const whole = (text) => /^\d{1,9}$/.test(text ?? "") ? Number(text) : null;

// What the address asks for. A label of "" means: without a label.
const read = (params) => ({
  show: params.get("show") === "failed" ? "failed" : null,
  label: params.get("label"),
  format: params.get("format") || null,
  group: whole(params.get("group")),
  order: ORDERS.some(([name]) => name === params.get("order")) ? params.get("order") : USUAL,
  page: Math.max(1, whole(params.get("page")) ?? 1),
});

const query = (state) => {
  const { order, page, ...rest } = state;
  const wanted = {
    dataset: chosen().name, ...rest, order: order === USUAL ? null : order,
    page: page === 1 ? null : page,
  };
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== null));
};
const to = (state, changes) => address("browse", query({ ...state, page: 1, ...changes }));

const load = (dataset, state) => {
  const at = `datasets/${encodeURIComponent(dataset.name)}`;
  const wanted = new URLSearchParams({
    order: state.order, offset: (state.page - 1) * PAGE, limit: PAGE,
  });
  for (const name of ["label", "format", "group"]) {
    if (state[name] !== null) wanted.set(name, state[name]);
  }
  const failed = state.show === "failed";
  return Promise.all([
    failed ? null : api(`${at}/images?${wanted}`),
    failed ? [] : api(`${at}/labels`),
    failed ? [] : api(`${at}/formats`),
    api(`${at}/failures?limit=${failed ? FAILURES : 1}&offset=${(state.page - 1) * FAILURES}`),
  ]);
};

const chip = (title, count, href, current, what) => make("a",
  { class: "chip", href, "aria-current": current ? "true" : null, "aria-label": what },
  title, count === null ? null : make("span", { class: "count" }, count.toLocaleString("en")));

const labelName = (label) => label === "" ? "No label" : label;

// A few labels are all shown; many are found by typing.
const labelChooser = (state, labels, total) => {
  // The numbers are those of the whole dataset.
  if (labels.length < 2 || (state.group !== null && state.label === null)) return null;
  const most = [...labels].sort((a, b) => b.images - a.images);
  const shown = labels.length <= CHIPS ? labels
    : most.slice(0, CHIPS - 4).filter(({ label }) => label !== state.label);
  const current = labels.find(({ label }) => label === state.label);
  const first = labels.length > CHIPS && current ? [current] : [];
  return make("div", { class: "chips", role: "group", "aria-label": "Labels" },
    labels.length > CHIPS ? labelSearch(state, labels) : null,
    chip("All", total, to(state, { label: null }), state.label === null),
    [...first, ...shown].map(({ label, images }) =>
      chip(labelName(label), images, to(state, { label }), label === state.label)));
};

const labelSearch = (state, labels) => {
  const field = make("input", {
    class: "field", type: "search", list: "browse-labels", placeholder: `Find a label (${
      labels.length.toLocaleString("en")})`, "aria-label": "Find a label", autocomplete: "off",
  });
  const jump = () => {
    const wanted = field.value.trim().toLowerCase();
    const found = labels.find(({ label }) => labelName(label).toLowerCase() === wanted);
    if (found) location.hash = to(state, { label: found.label });
  };
  field.addEventListener("change", jump);
  field.addEventListener("input", (event) => {
    // Chosen from the list, and not typed letter by letter.
    if (!event.inputType || event.inputType === "insertReplacementText") jump();
  });
  return [field, make("datalist", { id: "browse-labels" },
    labels.map(({ label, images }) =>
      make("option", { value: labelName(label) }, plural(images, "image"))))];
};

const chooser = (label, choices, value, change) => {
  const select = make("select", {}, choices.map(([name, title]) =>
    make("option", { value: name, selected: name === value ? "" : null }, title)));
  select.addEventListener("change", () => change(select.value));
  return make("label", { class: "chooser" }, make("span", { class: "visually-hidden" }, label),
    select);
};

const choosers = (state, formats) => [
  formats.length < 2 ? null : chooser("Format",
    [["", "All formats"], ...formats.map(({ format, images }) =>
      [format, `${format} (${images.toLocaleString("en")})`])],
    state.format ?? "", (format) => { location.hash = to(state, { format: format || null }); }),
  chooser("Order", ORDERS, state.order, (order) => { location.hash = to(state, { order }); }),
];

const sections = (state, images, failures) => !failures && state.show === null ? null
  : parts("Parts of the dataset", [
    ["images", "Images", images, to(state, { show: null })],
    ["failed", "Could not be read", failures, address("browse", query({ show: "failed" }))],
  ], state.show ?? "images");

const head = (summary, ...controls) => make("header", { class: "view-head" },
  make("div", {}, make("h2", { tabindex: "-1" }, "Browse"),
    make("p", { role: "status" }, summary)),
  make("span", { class: "spacer" }), ...controls);

const narrowed = (state) => {
  const group = state.group === 0 ? "in no group" : `in group ${state.group}`;
  return state.group === null ? null : make("p", { class: "narrowed" },
    icon("layers"), make("span", {}, `Only images ${group}`),
    make("a", { href: to(state, { group: null }) }, "Show all"),
    make("a", { href: address("groups", { dataset: chosen().name }) }, "Back to the groups"));
};

const drawImages = (dataset, state, [list, labels, formats, failures]) => {
  const pages = Math.max(1, Math.ceil(list.total / PAGE));
  if (state.page > pages) {
    go("browse", query({ ...state, page: pages }), { replace: true });
    return;
  }
  const href = (page) => to(state, { page });
  const jump = (page) => go("browse", query({ ...state, page: Math.min(page, pages) }));
  const place = pages < 2 ? ""
    : `, page ${state.page.toLocaleString("en")} of ${pages.toLocaleString("en")}`;
  const summary = list.total ? plural(list.total, "image") + place : "No images";
  root.replaceChildren(
    head(summary, ...choosers(state, formats), pageSteps(state.page, pages, href)),
    sections(state, dataset.images, failures.total) ?? "",
    narrowed(state) ?? "",
    labelChooser(state, labels, dataset.images) ?? "",
    list.total ? tiles(list.images, dataset.name, { "aria-label": "Images; arrow keys move" })
      : notice("search", "No image is like that",
        "Nothing in this dataset has that label, format and group together.",
        make("a", { class: "button", href: address("browse", { dataset: dataset.name }) },
          "Show all images")),
    pager(state.page, pages, href, jump) ?? "");
};

const day = (since) => new Date(since).toLocaleDateString("en",
  { year: "numeric", month: "short", day: "numeric" });

const failureRow = (one) => make("tr", {},
  make("th", { scope: "row" }, one.path),
  make("td", { "data-title": "Reason" }, one.reason),
  make("td", { class: "number", "data-title": "Size" },
    one.bytes === null ? "unknown" : bytes(one.bytes)),
  make("td", { "data-title": "Since" },
    make("time", { datetime: one.since, title: one.since }, day(one.since))),
  make("td", { "data-title": "Tried again" }, one.lasting ? "when it changes" : "at every sync"));

const drawFailures = (dataset, state, [, , , failures]) => {
  const pages = Math.max(1, Math.ceil(failures.total / FAILURES));
  if (state.page > pages) {
    go("browse", query({ ...state, page: pages }), { replace: true });
    return;
  }
  const href = (page) => to(state, { page });
  const jump = (page) => go("browse", query({ ...state, page: Math.min(page, pages) }));
  if (!failures.total) {
    root.replaceChildren(head("Files that could not be read"),
      sections(state, dataset.images, 0),
      notice("check", "Every file could be read", "There is nothing to look after here.",
        make("a", { class: "button", href: address("browse", { dataset: dataset.name }) },
          "Back to the images")));
    return;
  }
  root.replaceChildren(
    head(`${plural(failures.total, "file")} could not be read`),
    sections(state, dataset.images, failures.total),
    make("div", { class: "panel failures-note" },
      make("p", {}, "These files are in the folder, but not in the index. Put a good copy in the "
        + "place of a damaged one, and try them all again; whatever can be read then is added."),
      retryOf(dataset, failures)),
    make("table", { class: "failures" },
      make("caption", { class: "visually-hidden" }, "Files that could not be read"),
      make("thead", {}, make("tr", {}, ["File", "Reason", "Size", "Since", "Tried again"].map(
        (title) => make("th", { scope: "col" }, title)))),
      make("tbody", {}, failures.files.map(failureRow))),
    pager(state.page, pages, href, jump) ?? "");
};

// Where nobody may start anything here, the command for those who can.
const retryOf = (dataset, { can_retry: allowed }) => allowed
  ? worker({
    kind: "retry", dataset: dataset.name, title: "Try all again", doing: "Reading the files again …",
    path: `datasets/${encodeURIComponent(dataset.name)}/failures/retry`,
    outcome: (log) => log.find((line) => line.startsWith("tried ")) ?? "Done.",
  })
  : command(`python -m indexer failures ${dataset.name} --retry`);

const message = (error, again) => {
  const button = make("button", { type: "button", class: "button" }, "Try again");
  button.addEventListener("click", again);
  return notice("alert", "The images could not be listed", error.message, button);
};

// Whoever comes back from a search finds what they left, where they left it.
root.addEventListener("click", (event) => {
  if (event.target.closest("a")) left = window.scrollY;
});

const draw = async (params) => {
  const dataset = chosen();
  visit += 1;
  const mine = visit;
  if (!dataset) {
    root.replaceChildren(unindexed());
    return;
  }
  const state = read(params);
  const wanted = JSON.stringify([query(state), dataset.synced_at]);
  if (wanted === drawn) {
    window.scrollTo({ top: left });
    return;
  }
  const keyboard = root.contains(document.activeElement)
    && document.activeElement.matches(":focus-visible");
  if (!root.querySelector(".tiles:not(.skeleton), .failures")) {
    root.replaceChildren(head("Loading"), skeleton(PAGE / 2));
  }
  root.setAttribute("aria-busy", "true");
  similarity.busy(true);
  try {
    const answers = await load(dataset, state);
    await similarity.released();
    if (mine !== visit) return; // somebody went on before it came
    (state.show === "failed" ? drawFailures : drawImages)(dataset, state, answers);
    drawn = wanted;
    if (keyboard) root.querySelector("h2")?.focus({ preventScroll: true });
    window.scrollTo({ top: 0 });
  } catch (error) {
    if (mine !== visit) return;
    drawn = null;
    root.replaceChildren(message(error, () => draw(params)));
  } finally {
    if (mine === visit) {
      root.removeAttribute("aria-busy");
      similarity.busy(false);
    }
  }
};

view("browse", draw);
