// The big view of one image of a dataset, for every view that shows pictures.
Object.assign(window.similarity, (() => {
  const {
    element: make, icon, fullPicture, oneOf, api, dialog, copyButton, ask, explanation,
  } = window.similarity;
  const KILO = 1000;

  const size = (bytes) => {
    const units = ["bytes", "kB", "MB", "GB"];
    const power = Math.min(units.length - 1, Math.floor(Math.log(Math.max(bytes, 1)) / Math.log(KILO)));
    const number = bytes / KILO ** power;
    return `${number.toLocaleString("en", { maximumSignificantDigits: power ? 3 : 4 })} ${units[power]}`;
  };
  const date = (text) => text && new Date(text).toLocaleString(undefined,
    { dateStyle: "medium", timeStyle: "short" });

  const facts = (image) => [
    ["Label", image.label],
    ["Size", `${image.width} × ${image.height} px`],
    ["File", `${image.format}, ${size(image.bytes)}`],
    ["Taken", date(image.taken_at)],
    ["Changed", date(image.modified)],
  ].filter(([, value]) => value);

  const scoreTable = (scores) => make("table", { class: "details-scores" },
    make("caption", {}, "As a hit of this search"),
    make("thead", {}, make("tr", {},
      ["Row", "Rank", "Score"].map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", {}, scores.map(({ name, rank, score, meaning }) => make("tr", {},
      make("th", { scope: "row" }, name), make("td", {}, String(rank)),
      make("td", { title: meaning.join(", ") }, score)))));

  // The picture, or why it was found; `mode` keeps which of them is looked at.
  const stage = (image, why, mode) => {
    const source = { original: image.shown && image.original, thumb: image.thumb };
    const large = fullPicture(source.original, source.thumb,
      image.label ? `${image.label}: ${image.name}` : image.name);
    large.style.backgroundImage = `url("${image.thumb}")`;
    if (!why) return make("div", { class: "details-picture" }, large);
    const { query, ...asked } = why;
    const shown = make("div", { class: "details-stage" });
    const show = (value) => {
      mode.value = value;
      shown.replaceChildren(value === "why"
        ? explanation({ ...asked, hit: image.id, pictures: { query, hit: source } }) : large);
    };
    show(mode.value);
    const modes = [["picture", "Picture"], ["why", "Why it was found"]];
    return make("div", { class: "details-picture" },
      oneOf("Show", modes, mode.value, show), shown);
  };

  const content = (dataset, image, { scores, why, mode, close }) => {
    const search = make("button", { type: "button", class: "button main" },
      icon("search"), "Search from it");
    search.addEventListener("click", () => {
      close();
      ask({ dataset, id: image.id }, { name: image.name, label: image.label, thumb: image.thumb });
    });
    const file = image.original && make("a", {
      class: "button", href: image.original, target: "_blank", rel: "noreferrer",
      download: image.shown ? null : image.name,
    }, icon(image.shown ? "open" : "save"), image.shown ? "Open original" : "Download");
    return [
      stage(image, why, mode),
      make("div", { class: "details-text" },
        make("div", { class: "details-path" },
          make("code", {}, image.path), copyButton(image.path, "Copy the path")),
        make("dl", {}, facts(image).map(([name, value]) =>
          make("div", {}, make("dt", {}, name), make("dd", {}, value)))),
        scores.length ? scoreTable(scores) : null,
        make("div", { class: "details-actions" }, search, file || null)),
    ];
  };

  // `ids` are the pictures that the arrow keys walk through; `scores(id)` tells how an image was
  // found: [{name, rank, score, meaning}]; `why(id)` what it was found by: {question, poolings,
  // query}, see explanation.js, or null.
  const details = (dataset, id, { ids = [], scores = () => [], why = () => null } = {}) => {
    const mode = { value: "picture" };
    let at = ids.indexOf(id);
    const body = make("div", { class: "details-body" });
    const arrow = (name, label, step) => {
      const button = make("button",
        { type: "button", class: `round ${name}`, "aria-label": label, title: label }, icon("next"));
      button.addEventListener("click", () => walk(step));
      return button;
    };
    const arrows = ids.length > 1
      ? [arrow("before", "Image before", -1), arrow("after", "Next image", 1)] : [];
    const shown = dialog("details", "Image", body);
    const title = shown.querySelector("h2");
    title.after(...arrows);

    const load = async (wanted) => {
      const path = `datasets/${encodeURIComponent(dataset)}/images/${encodeURIComponent(wanted)}`;
      try {
        const image = await api(path);
        if (wanted !== id) return;
        title.textContent = image.name;
        body.replaceChildren(...content(dataset, image,
          { scores: scores(wanted), why: why(wanted), mode, close: () => shown.close() }));
      } catch (error) {
        if (wanted === id) body.replaceChildren(make("p", { class: "details-problem" }, error.message));
      }
    };
    const walk = (step) => {
      if (!ids[at + step]) return;
      at += step;
      id = ids[at];
      arrows.forEach((button, side) => { button.disabled = !ids[at + (side ? 1 : -1)]; });
      load(id);
    };
    shown.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      walk(step);
    });
    if (at >= 0) walk(0);
    else load(id);
  };

  return { details };
})());
