// State and building blocks that the components of the page share. Loaded before any of them.
window.similarity ??= (() => {
  // The queries so far, the current one last: {name, thumb, dataset, id} or {name, thumb, path}.
  const trail = [];
  const LONGEST_TRAIL = 8;
  const listeners = [];
  const previewListeners = [];
  let busyTimer;

  // Text becomes text nodes and attributes only, never HTML: labels and file names are foreign.
  // Gradio's own templates would not do: they evaluate "${...}" inside the values they insert.
  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value);
    }
    made.append(...children.flat().filter((child) => child !== null && child !== ""));
    return made;
  };

  const SHAPES = {
    upload: "M12 15V4m0 0L7.5 8.5M12 4l4.5 4.5M4 15.5V18a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-2.5",
    back: "M15 5l-7 7 7 7",
    check: "M5 12.5l4.5 4.5L19 7.5",
    copy: "M9 9h10v10H9zM5 15V5h10",
    search: "M15.5 15.5L20 20M17 10.5a6.5 6.5 0 1 1-13 0 6.5 6.5 0 0 1 13 0z",
    alert:
      "M12 8v5m0 3v.5M10.3 4.2L2.9 17a2 2 0 0 0 1.7 3h14.8a2 2 0 0 0 1.7-3L13.7 4.2a2 2 0 0 0-3.4 0z",
    layers: "M12 4l8 4-8 4-8-4zM4 12l8 4 8-4M4 16l8 4 8-4",
  };
  const icon = (name) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", SHAPES[name]);
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("class", `icon icon-${name}`);
    svg.setAttribute("aria-hidden", "true");
    svg.append(path);
    return svg;
  };

  const picture = (source, alt, attributes = {}) => {
    const fixed = { src: source, alt, draggable: "false", decoding: "async" };
    const image = element("img", { ...fixed, ...attributes });
    image.addEventListener("error", () => image.classList.add("missing"));
    return image;
  };

  // What stands in a view that has nothing to show, or where something went wrong.
  const notice = (symbol, title, text, ...more) =>
    element("div", { class: `notice notice-${symbol}` },
      element("span", { class: "notice-icon" }, icon(symbol)),
      element("h2", { tabindex: "-1" }, title), element("p", {}, text), more);

  // `text` is a string, or a function that gives one when the button is pressed.
  const copyButton = (text, label, ...face) => {
    const shape = face.length ? "button" : "copy";
    const mark = icon("copy");
    const button = element("button", { type: "button", class: shape, "aria-label": label },
      mark, face);
    button.addEventListener("click", async () => {
      await copy(typeof text === "function" ? text() : text);
      const done = icon("check");
      button.firstChild.replaceWith(done);
      setTimeout(() => done.replaceWith(mark), 2000);
    });
    return button;
  };

  // The clipboard is given to secure pages only; elsewhere the old way still works.
  const copy = async (text) => {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const field = element("textarea", { class: "visually-hidden" });
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  };

  const command = (text) => element("div", { class: "command" },
    element("code", {}, text), copyButton(text, `Copy: ${text}`));

  const unindexed = () => notice("layers", "No dataset is indexed yet",
    "Two commands make one from a folder of pictures. Then reload this page.",
    element("div", { class: "commands" },
      command("python scripts/train.py PICTURES --out checkpoints/mine"),
      command("python -m indexer sync PICTURES --checkpoint checkpoints/mine")));

  const current = () => trail[trail.length - 1] ?? null;
  const same = (a, b) => a && b && a.path === b.path && a.id === b.id && a.dataset === b.dataset;
  const tell = () => listeners.forEach((listener) => listener(current()));

  const ask = (query) => {
    if (current()?.failed) trail.pop();
    if (!same(query, current())) trail.push(query);
    if (trail.length > LONGEST_TRAIL) trail.shift();
    tell();
  };
  const back = (index) => {
    trail.length = index + 1;
    tell();
  };

  // Nobody wants to come back to a query that had no answer. An answer to an upload may bring a
  // preview, for a picture that the browser cannot show by itself.
  const answered = (well, shown) => {
    const query = current();
    if (!query) return;
    query.failed = !well;
    if (!query.path || !shown?.thumb || shown.title !== query.name) return;
    query.thumb = shown.thumb;
    previewListeners.forEach((listener) => listener(query));
  };

  // A short search shows no sign of work at all; a longer one gets a line that moves.
  const busy = (on) => {
    clearTimeout(busyTimer);
    const mark = () => document.documentElement.toggleAttribute("data-busy", on);
    if (on) busyTimer = setTimeout(mark, 250);
    else mark();
  };

  const onAsk = (listener) => listeners.push(listener);
  const onPreview = (listener) => previewListeners.push(listener);

  return {
    views: window.similarityViews,
    element, icon, picture, notice, copyButton, command, unindexed, trail, current, ask, back, answered, busy, onAsk, onPreview,
  };
})();
