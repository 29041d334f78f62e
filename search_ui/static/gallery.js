// Pictures in pages: what the views that look through many images share.
Object.assign(window.similarity, (() => {
  const { element: make, icon, picture, address } = window.similarity;
  const AROUND = 2; // pages that are named beside the current one

  // A picture to search from, with its name; `image` is one of the API's.
  const tile = (image, dataset) => {
    const name = image.label ? `${image.label}, ${image.name}` : image.name;
    const search = make("a",
      {
        class: "tile-picture", href: address("search", { dataset, id: image.id }),
        "aria-label": `Search from ${name}`, "data-id": image.id,
      },
      picture(image.thumb, "", { loading: "lazy" }),
      make("span", { class: "tile-name", "aria-hidden": "true" }, image.name));
    return make("li", { class: "tile" }, search, detailsButton(image, dataset, name),
      make("span", { class: "tile-label", "aria-hidden": "true" }, image.label ?? image.name));
  };

  // The big view is another component's: it may not be there.
  const detailsButton = (image, dataset, name) => {
    if (!similarity.details) return null;
    const button = make("button",
      {
        type: "button", class: "tile-details", title: "Details", "aria-label": `Details of ${name}`,
      },
      icon("info"));
    button.addEventListener("click", () => similarity.details(dataset, image.id));
    return button;
  };

  // A list of tiles through which arrow keys, Home and End move.
  const tiles = (images, dataset, attributes) => {
    const list = make("ul", { class: "tiles", ...attributes },
      images.map((image) => tile(image, dataset)));
    list.addEventListener("keydown", (event) => {
      const links = [...list.querySelectorAll(".tile-picture")];
      const from = links.indexOf(event.target);
      if (from < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
      const row = getComputedStyle(list).gridTemplateColumns.split(" ").length;
      const places = {
        ArrowLeft: from - 1, ArrowRight: from + 1, ArrowUp: from - row, ArrowDown: from + row,
        Home: 0, End: links.length - 1,
      };
      const to = links[places[event.key]];
      if (!to) return;
      event.preventDefault();
      to.focus();
      to.scrollIntoView({ block: "nearest" });
    });
    return list;
  };

  const skeleton = (count) => make("ul", { class: "tiles skeleton", "aria-hidden": "true" },
    Array.from({ length: count }, () => make("li", { class: "tile" },
      make("span", { class: "tile-picture" }), make("span", { class: "tile-label" }, "\u00a0"))));

  const step = (shape, name, to, href, ...more) => to
    ? make("a", { class: "button", href, "aria-label": name, rel: shape }, icon(shape), ...more)
    : make("span", { class: "button", "aria-disabled": "true" }, icon(shape), ...more);

  // Only previous and next, for the head of a view. `href(page)` is the address of a page.
  const pageSteps = (page, pages, href) => pages < 2 ? null : make("span", { class: "page-steps" },
    step("back", "Previous page", page > 1, href(page - 1)),
    step("next", "Next page", page < pages, href(page + 1)));

  // Which pages to name: the first, the last and those around; 0 stands for what is left out.
  const named = (page, pages) => {
    const numbers = [...new Set([1, pages, page])];
    for (let away = 1; away <= AROUND; away += 1) numbers.push(page - away, page + away);
    const sorted = [...new Set(numbers)].filter((n) => n >= 1 && n <= pages).sort((a, b) => a - b);
    return sorted.flatMap((n, i) => {
      const gap = n - (sorted[i - 1] ?? 0) - 1;
      return gap === 0 ? [n] : gap === 1 ? [n - 1, n] : [0, n];
    });
  };

  const pager = (page, pages, href, go) => pages < 2 ? null
    : make("nav", { class: "pager", "aria-label": "Pages" },
      step("back", "Previous page", page > 1, href(page - 1), make("span", {}, "Previous")),
      make("span", { class: "pager-numbers" }, named(page, pages).map((number) => {
        if (!number) return make("span", { class: "gap", "aria-hidden": "true" }, "…");
        return make("a",
          {
            href: href(number), "aria-label": `Page ${number}`,
            "aria-current": number === page ? "page" : null,
          },
          number.toLocaleString("en"));
      })),
      pages > 9 ? jump(page, pages, go) : null,
      make("span", { class: "pager-short" }, `${page} of ${pages.toLocaleString("en")}`),
      step("next", "Next page", page < pages, href(page + 1), make("span", {}, "Next")));

  const jump = (page, pages, go) => {
    const field = make("input", {
      class: "field", type: "number", min: 1, max: pages, value: page, required: "",
      inputmode: "numeric", "aria-label": `Page, 1 to ${pages}`,
    });
    const form = make("form", { class: "jump" }, make("span", {}, "Page"), field);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      go(Number(field.value));
    });
    field.addEventListener("change", () => form.requestSubmit());
    return form;
  };

  // Parts of a view, as links; `parts` are [name, title, count or null, address].
  const parts = (label, list, current) => make("nav", { class: "parts", "aria-label": label },
    list.map(([name, title, count, href]) => make("a",
      { href, "aria-current": name === current ? "page" : null },
      title,
      count === null ? null : make("span", { class: "count" }, count.toLocaleString("en")))));

  const plural = (count, one, many = `${one}s`) =>
    `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

  const UNITS = ["B", "kB", "MB", "GB"];
  const bytes = (count) => {
    const power = count < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(count) / 3));
    const value = count / 1000 ** power;
    return `${value.toFixed(power && value < 10 ? 1 : 0)} ${UNITS[power]}`;
  };

  return { tiles, skeleton, pageSteps, pager, parts, plural, bytes };
})());
