const {
  element: make, icon, picture, notice, copyButton, command, api, address, view, go, chosen, plural,
  bytes, pager, parts, unindexed, worker,
} = similarity;
const root = element.querySelector(".drawn");
const SETS = 20;
const STRICT = 4;
const LOOSEST = 12;
const METHODS = {
  kmeans: ["k-means", "every image goes into one of a given number of groups"],
  hdbscan: ["HDBSCAN", "dense clusters only; what lies between them stays in no group"],
};
let visit = 0;

const whole = (text) => /^\d{1,9}$/.test(text ?? "") ? Number(text) : null;
const read = (params) => ({
  show: params.get("show") === "duplicates" ? "duplicates" : "groups",
  bits: Math.min(LOOSEST, whole(params.get("bits")) ?? STRICT),
  page: Math.max(1, whole(params.get("page")) ?? 1),
});
const to = (changes) => {
  const { show, bits, page } = { show: "groups", bits: STRICT, page: 1, ...changes };
  const wanted = { dataset: chosen().name };
  if (show === "duplicates") {
    wanted.show = show;
    if (bits !== STRICT) wanted.bits = bits;
    if (page > 1) wanted.page = page;
  }
  return wanted;
};
const at = (dataset, what) => `datasets/${encodeURIComponent(dataset.name)}/${what}`;

const head = (show, summary, ...controls) => [
  make("header", { class: "view-head" },
    make("div", {}, make("h2", { tabindex: "-1" }, show === "groups" ? "Groups" : "Duplicates"),
      make("p", { role: "status" }, summary)),
    make("span", { class: "spacer" }), ...controls),
  parts("Kinds of likeness", [
    ["groups", "Groups", null, address("groups", to({}))],
    ["duplicates", "Duplicates", null, address("groups", to({ show: "duplicates" }))],
  ], show),
];

// Groups

const percent = (share) => `${Math.round(share * 100)}%`;

const labelBar = (labels) => {
  if (!labels.length) return null;
  const rest = 1 - labels.reduce((sum, { share }) => sum + share, 0);
  return make("div", { class: "group-labels" },
    make("span", { class: "bar", "aria-hidden": "true" },
      labels.map(({ share }) => make("span", { style: `flex-grow: ${share}` })),
      rest > 0.005 ? make("span", { class: "rest", style: `flex-grow: ${rest}` }) : null),
    make("ul", {}, labels.map(({ label, share }) =>
      make("li", {}, make("span", {}, label), make("b", {}, percent(share))))));
};

const groupCard = (dataset, group) => {
  const [first, ...others] = group.examples;
  return make("li", { class: "group" },
    make("a",
      {
        class: "group-open",
        href: address("browse", { dataset: dataset.name, group: group.number }),
      },
      make("span", { class: `mosaic of-${Math.min(others.length, 5)}` },
        [first, ...others].map((image) => picture(image.thumb, "", { loading: "lazy" }))),
      make("span", { class: "group-title" }, make("b", {}, `Group ${group.number}`), " ",
        make("span", {}, plural(group.images, "image")))),
    labelBar(group.labels),
    make("a",
      {
        class: "group-search", href: address("search", { dataset: dataset.name, id: first.id }),
        "aria-label": `Search from its representative: group ${group.number}, ${first.name}`,
      },
      icon("search"), "Search from its representative"));
};

const fact = (title, value, meaning) => make("div", {},
  make("dt", {}, title), make("dd", {}, make("b", {}, value), make("span", {}, meaning)));

const silhouetteWord = (value) =>
  value >= 0.5 ? "clearly apart" : value >= 0.25 ? "apart" : value >= 0.1 ? "loosely apart"
    : "hardly apart";

const number = (value) => value.toFixed(2).replace("-", "\u2212");

const howMade = (dataset, { made, groups, outside }) => {
  const none = outside
    ? make("a", { href: address("browse", { dataset: dataset.name, group: 0 }) },
      `${plural(outside, "image")} in no group`)
    : null;
  if (!made) {
    return make("div", { class: "panel made" }, make("p", {},
      "How these groups were made is not known here: another computer made them."), none);
  }
  const [method, meaning] = METHODS[made.method];
  const day = made.made_at && new Date(made.made_at).toLocaleString("en",
    { dateStyle: "medium", timeStyle: "short" });
  return make("section", { class: "panel made", "aria-label": "How these groups were made" },
    make("dl", {},
      fact("Method", `${method}, ${plural(groups.length, "group")}`, meaning),
      fact("Compared", `${made.pooling} vectors`, "by cosine: by direction, not by length"),
      made.silhouette === null ? null : fact("Silhouette", number(made.silhouette),
        `groups are ${silhouetteWord(made.silhouette)}; \u22121 to 1, higher is better`),
      made.adjusted_rand === null ? null : fact("Same as labels",
        number(made.adjusted_rand),
        `adjusted Rand index, 0 by chance, 1 the same; mutual information ${
          number(made.normalised_mutual_information)}`)),
    make("p", { class: "made-more" }, none, day ? make("span", {}, `Made ${day}`) : null));
};

const body = ({ method, count, pooling }) =>
  ({ method, pooling, count: method === "kmeans" && count ? Number(count) : null });

const commandFor = ({ dataset, method, count, pooling }) => {
  const words = ["python -m indexer group", dataset.name];
  if (method !== "kmeans") words.push("--method", method);
  else if (count) words.push("--groups", count);
  if (pooling !== "flatten") words.push("--pooling", pooling);
  return words.join(" ");
};

// What to make groups with. Where nobody may start anything here, the command for those who can.
const maker = (dataset, { can_make: allowed }) => {
  const choice = { dataset, method: "kmeans", count: "", pooling: "flatten" };
  const shown = make("div", { class: "commands" });
  const update = () => shown.replaceChildren(command(commandFor(choice)));
  const radio = ([name, [title, meaning]]) => {
    const input = make("input", {
      type: "radio", name: "grouping-method", value: name,
      checked: name === choice.method ? "" : null,
    });
    input.addEventListener("change", () => {
      choice.method = name;
      count.disabled = name !== "kmeans";
      update();
    });
    return make("label", { class: "option" }, input,
      make("span", {}, make("b", {}, title), make("span", {}, meaning)));
  };
  const count = make("input", {
    class: "field", type: "number", min: 2, max: Math.max(2, dataset.images), placeholder: "found",
    inputmode: "numeric",
  });
  count.addEventListener("input", () => {
    choice.count = count.checkValidity() ? count.value : "";
    update();
  });
  const pooling = make("select", {}, Object.keys(dataset.vector_sizes).map((name) =>
    make("option", { value: name, selected: name === choice.pooling ? "" : null }, name)));
  pooling.addEventListener("change", () => {
    choice.pooling = pooling.value;
    update();
  });
  update();
  const start = allowed && worker({
    kind: "group", dataset: dataset.name, title: "Make groups", doing: "Comparing the images …",
    path: at(dataset, "groups"), body: () => body(choice),
  });
  const form = make("form", { class: "maker" },
    make("fieldset", {}, make("legend", {}, "How"), Object.entries(METHODS).map(radio)),
    make("div", { class: "maker-row" },
      make("label", {}, make("span", {}, "Number of groups"), count),
      make("label", {}, make("span", {}, "Vectors"), pooling)),
    start || null,
    make("p", { class: "maker-else" }, start ? "Or on the command line:" : "On the command line:"),
    shown);
  form.addEventListener("submit", (event) => event.preventDefault());
  return form;
};

const drawGroups = async (dataset) => {
  const answer = await api(at(dataset, "groups"));
  const { groups, outside } = answer;
  if (!groups.length) {
    return [
      head("groups", "Images that look alike, put together without labels"),
      make("div", { class: "no-groups" },
        notice("layers", "No groups have been made yet",
          "A group is a set of images whose vectors lie close together. Nobody has to label "
          + "anything: groups show what a large collection holds, and what is odd in it."),
        make("div", { class: "panel" }, maker(dataset, answer))),
    ];
  }
  const grouped = groups.reduce((sum, { images }) => sum + images, 0);
  return [
    head("groups", `${plural(groups.length, "group")} of ${plural(grouped, "image")} that look `
      + `alike${outside ? `, ${plural(outside, "image")} in none` : ""}`),
    howMade(dataset, answer),
    make("ul", { class: "groups" }, groups.map((group) => groupCard(dataset, group))),
    make("details", { class: "panel again" },
      make("summary", {}, "Make other groups"), maker(dataset, answer)),
  ];
};

// Duplicates

const likeness = (bits) =>
  bits === 0 ? "Strictest" : bits <= 4 ? "Strict" : bits <= 8 ? "Medium" : "Loose";

const strictness = (bits) => {
  const input = make("input", {
    type: "range", min: 0, max: LOOSEST, step: 2, value: bits, id: "strictness",
  });
  const told = make("output", { for: "strictness" });
  const tell = () => {
    const word = likeness(Number(input.value));
    told.textContent = input.value === "0" ? `${word}: no bit of 64 differs`
      : `${word}: at most ${input.value} of 64 bits differ`;
    input.setAttribute("aria-valuetext", told.textContent);
  };
  input.addEventListener("input", tell);
  input.addEventListener("change", () =>
    go("groups", to({ show: "duplicates", bits: Number(input.value) })));
  tell();
  return make("div", { class: "strictness" },
    make("label", { for: "strictness" }, "How alike"),
    make("span", {}, "strict"), input, make("span", {}, "loose"), told);
};

const difference = (image, place) => {
  if (place === 0) return make("span", { class: "badge keep" }, icon("check"), "Largest");
  if (image.same_file) return make("span", { class: "badge" }, "Same file again");
  if (image.bits === 0) return make("span", { class: "badge" }, "Same look");
  return make("span", { class: "badge" }, `${plural(image.bits, "bit")} differ`);
};

const alikeImage = (dataset, image, place) => {
  const open = make(similarity.details ? "button" : "a",
    similarity.details
      ? { type: "button", "aria-label": `Details of ${image.path}` }
      : {
        href: address("search", { dataset: dataset.name, id: image.id }),
        "aria-label": `Search from ${image.path}`,
      },
    picture(image.thumb, "", { loading: "lazy" }));
  if (similarity.details) {
    open.addEventListener("click", () => similarity.details(dataset.name, image.id));
  }
  open.className = "alike-picture";
  return make("li", { class: "alike" }, open,
    difference(image, place),
    make("span", { class: "alike-size" }, `${image.width} × ${image.height}`),
    make("span", { class: "alike-facts" }, `${image.format}, ${bytes(image.bytes)}`),
    make("span", { class: "alike-path", title: image.path }, image.path));
};

const alikeSet = (dataset, { images, total }, index) => {
  const others = images.slice(1);
  return make("li", { class: "panel set" },
    make("header", {},
      make("h3", {}, `Set ${index}`),
      make("span", {}, plural(total, "image")),
      make("span", { class: "spacer" }),
      copyButton(others.map(({ path }) => path).join("\n"),
        `Copy the other paths of set ${index}`,
        make("span", {}, "Copy the other paths"))),
    make("ul", { class: "alikes" }, images.map((image, place) =>
      alikeImage(dataset, image, place))),
    total > images.length
      ? make("p", { class: "more" }, `and ${plural(total - images.length, "more image")}`) : null);
};

const drawDuplicates = async (dataset, state) => {
  const { bits, page } = state;
  const offset = (page - 1) * SETS;
  const found = await api(at(dataset, `duplicates?bits=${bits}&offset=${offset}&limit=${SETS}`));
  const pages = Math.max(1, Math.ceil(found.total / SETS));
  const href = (number) => address("groups", to({ ...state, page: number }));
  const jump = (number) => go("groups", to({ ...state, page: Math.min(number, pages) }));
  const summary = found.total
    ? `${plural(found.total, "set")} of near-identical images, with ${
      plural(found.spare, "image")} beside the largest of each`
    : "No two images are near-identical";
  const plain = found.plain
    ? ` ${plural(found.plain, "image is", "images are")} too plain to compare this way: of those `
      + "only copies of a file are found."
    : "";
  return [
    head("duplicates", summary),
    make("div", { class: "panel compare" }, strictness(bits),
      make("p", {}, "Compared by light and dark, not by colour: copies, smaller or recompressed "
        + `versions. The largest comes first. Nothing is deleted here.${plain}`,
        bits > 8 ? make("b", {}, " This loose, other images are among them.") : null)),
    found.total
      ? make("ul", { class: "sets" }, found.sets.map((set, index) =>
        alikeSet(dataset, set, offset + index + 1)))
      : notice("check", "No duplicates",
        "At this strictness every image stands alone. A looser one may find edited versions."),
    pager(page, pages, href, jump),
  ];
};

const draw = async (params) => {
  const dataset = chosen();
  visit += 1;
  const mine = visit;
  if (!dataset) {
    root.replaceChildren(unindexed());
    return;
  }
  const state = read(params);
  const keyboard = root.contains(document.activeElement)
    && document.activeElement.matches(":focus-visible");
  // Whoever moves the slider goes on moving it; others go on from the new heading.
  const held = document.activeElement?.id === "strictness" ? "#strictness" : "h2";
  if (root.dataset.show !== state.show) {
    root.replaceChildren(...head(state.show, "Loading"));
    root.dataset.show = state.show;
  }
  root.setAttribute("aria-busy", "true");
  similarity.busy(true);
  try {
    const drawn = await (state.show === "groups" ? drawGroups : drawDuplicates)(dataset, state);
    await similarity.released();
    if (mine !== visit) return; // somebody went on before it came
    root.replaceChildren(...drawn.flat().filter(Boolean));
    if (keyboard) root.querySelector(held)?.focus({ preventScroll: true });
  } catch (error) {
    if (mine !== visit) return;
    const again = make("button", { type: "button", class: "button" }, "Try again");
    again.addEventListener("click", () => draw(params));
    root.replaceChildren(notice("alert", "This could not be shown", error.message, again));
  } finally {
    if (mine === visit) {
      root.removeAttribute("aria-busy");
      similarity.busy(false);
    }
  }
};

view("groups", draw);
