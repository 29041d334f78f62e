const {
  element: make, svg, notice, command, view, api, chosen,
  table, folded, scrolling, lineChart, significant,
} = similarity;
const root = element.querySelector(".drawn");
const STUDY_SIZE = 224;
const count = (value) => (value === null ? "–" : value.toLocaleString("en"));
const shape = (latent) => (latent ? latent.map(count).join(" × ") : "too small");
const millions = (value) => (value < 1e5 ? count(value) : `${(value / 1e6).toFixed(2)} M`);

// ---- Architectures

const AT_SIZE = ["latent", "maxpool", "flatten", "GFLOP"];

const atSize = ({ latent, vector_sizes: vectors, gflop }) =>
  [shape(latent), count(vectors.maxpool ?? null), count(vectors.flatten ?? null),
    gflop === null ? "–" : gflop.toFixed(2)].map((text, index) =>
    make("td", { class: index ? null : "first" }, text));

const archTable = (architectures, current, used, sizes) => {
  const title = (text, more = {}) => make("th", { scope: "col", ...more }, text);
  const head = [
    make("tr", {},
      title("architecture", { rowspan: 2, class: "words" }),
      title("what it is", { rowspan: 2, class: "words" }),
      sizes.map((size) => title(`at ${size} pixels`, {
        colspan: AT_SIZE.length, scope: "colgroup", class: "over",
      })),
      title("learned values", { colspan: 2, scope: "colgroup", class: "over" }),
      title("least pixels", { rowspan: 2 })),
    make("tr", {},
      sizes.map(() => AT_SIZE.map((text, index) => title(text, { class: index ? null : "first" })))
        .flat(),
      title("encoder", { class: "first" }), title("decoder")),
  ];
  const row = (arch) => make("tr", { "aria-current": arch.name === current ? "true" : null },
    make("th", { scope: "row", class: "words" },
      make("a", { href: `#/models?arch=${arch.name}` }, arch.name),
      used.has(arch.name) ? make("span", { class: "tag" }, "in use") : null),
    make("td", { class: "words what" }, arch.summary),
    arch.sizes.map(atSize).flat(),
    make("td", { class: "first" }, millions(arch.encoder_parameters)),
    make("td", {}, millions(arch.decoder_parameters)),
    make("td", {}, count(arch.least_image_size)));
  return scrolling("Architectures", make("table", { class: "figures archs" },
    make("thead", {}, head), make("tbody", {}, architectures.map(row))));
};

// ---- The diagram: a slab for each feature map, as high as its side and as wide as its channels.

const TALLEST = 170;
const NEXT = 22;
const slabWidth = (channels) => 4 + Math.sqrt(channels) * 1.25;
const slabHeight = (side, image) => Math.max(5, (TALLEST * side) / image);
const slabDepth = (side, image) => Math.max(4, slabHeight(side, image) * 0.16);
// Labels need room, too.
const advance = ({ shape: [channels, side] }, image) =>
  Math.max(slabWidth(channels) + slabDepth(side, image) + NEXT, 54);

const slab = ({ step, kind, x, middle }, image) => {
  const [channels, side] = step.shape;
  const [width, height] = [slabWidth(channels), slabHeight(side, image)];
  const depth = slabDepth(side, image);
  const [top, center, low] = [middle - height / 2, x + width / 2, middle + height / 2 + 17];
  return svg("g", { class: `slab ${kind}` },
    svg("title", {}, `${step.summary}: ${step.shape.join(" × ")}`),
    svg("path", { class: "lid", d: `M${x} ${top}l${depth}-${depth}h${width}l-${depth} ${depth}z` }),
    svg("path", { class: "flank",
      d: `M${x + width} ${top}l${depth}-${depth}v${height}l-${depth} ${depth}z` }),
    svg("rect", { x, y: top, width, height }),
    svg("text", { x: center, y: low, "text-anchor": "middle" }, count(channels)),
    svg("text", { x: center, y: low + 13, "text-anchor": "middle", class: "soft" }, `${side}²`));
};

// From one slab's right to the next one's left.
const wire = (from, to) => {
  const [x, end] = [from.x + slabWidth(from.step.shape[0]) + 3, to.x - 3];
  const bend = (end - x) / 2;
  return svg("path", { class: "wire",
    d: `M${x} ${from.middle}C${x + bend} ${from.middle} ${end - bend} ${to.middle} ${end} ${to.middle}` });
};

// Places every step: {slabs, wires, end}. Branches lie one below the other, around the middle.
const placed = (steps, from, kinds, image) => {
  const [slabs, wires] = [[], []];
  let { x } = from;
  let before = from.slab ? [from.slab] : [];
  const put = (step, kind, middle, after) => {
    const spot = { step, kind, x, middle };
    wires.push(...after.map((earlier) => wire(earlier, spot)));
    slabs.push(spot);
    x += advance(step, image);
    return spot;
  };
  for (const [index, step] of steps.entries()) {
    if (step.branches.length) {
      const [start, ends] = [x, []];
      let [top, furthest] = [from.middle - laneHeights(step, image).reduce((a, b) => a + b) / 2, x];
      for (const [lane, high] of laneHeights(step, image).entries()) {
        x = start;
        let last = before;
        for (const part of step.branches[lane]) {
          last = [put(part, part.parameters ? "learned" : "", top + high / 2 - 8, last)];
        }
        ends.push(...last);
        furthest = Math.max(furthest, x);
        top += high;
      }
      [x, before] = [furthest, ends];
    }
    before = [put(step, kinds(step, index), from.middle, before)];
  }
  return { slabs, wires, x, last: before[0] };
};

const laneHeights = (step, image) => step.branches.map((branch) =>
  Math.max(...branch.map(({ shape: [, side] }) => slabHeight(side, image))) * 1.16 + 38);

const diagram = ({ name, image_size: image, encoder, decoder, latent }) => {
  const start = { summary: "image", shape: [3, image, image], branches: [] };
  const sides = [start, ...encoder, ...decoder].map(({ shape: [, side] }) => slabHeight(side, image));
  const lanes = encoder.filter(({ branches }) => branches.length)
    .map((step) => laneHeights(step, image).reduce((sum, high) => sum + high));
  const high = Math.max(Math.max(...sides) * 1.32 + 56, ...lanes);
  const middle = high / 2;
  const first = placed([start], { x: 12, middle }, () => "image", image);
  const forth = placed(encoder, { x: first.x, middle, slab: first.last }, (step, index) =>
    (index === encoder.length - 1 ? "latent" : step.parameters ? "learned" : ""), image);
  const back = placed(decoder, { x: forth.x, middle, slab: forth.last }, () => "back", image);
  const parts = [first, forth, back];
  return scrolling(`Diagram of ${name}`,
    svg("svg", { viewBox: `0 0 ${back.x} ${high}`, width: back.x, height: high, role: "img",
      class: "diagram", "aria-label": `${name}: an image of ${image} pixels becomes a latent of `
        + `${latent.join(" × ")} in ${encoder.length} steps, and an image again in `
        + `${decoder.length}. The layers are listed below.` },
    parts.flatMap(({ wires }) => wires),
    parts.flatMap(({ slabs }) => slabs.map((each) => slab(each, image)))));
};

const key = () => make("ul", { class: "legend keys-of-slabs" },
  [["image", "image"], ["learned", "encoder, learned"], ["", "encoder, fixed"],
    ["latent", "latent: what is searched"], ["back", "decoder, for training only"]]
    .map(([kind, text]) => make("li", {},
      svg("svg", { viewBox: "0 0 14 14", "aria-hidden": "true" },
        svg("g", { class: `slab ${kind}` }, svg("rect", { x: 1, y: 1, width: 12, height: 12 }))),
      make("span", {}, text))));

const layerRows = (part, steps, depth = 0) => steps.flatMap((step) => [
  [part, `${" · ".repeat(depth)}${step.summary}`, step.shape.join(" × "), count(step.parameters),
    step.gflop.toFixed(3)],
  ...step.branches.flatMap((branch) => layerRows(part, branch, depth + 1)),
]);

const layersPanel = (layers) => make("section", { class: "panel", "aria-labelledby": "arch-title" },
  make("h3", { id: "arch-title", tabindex: "-1" }, layers.name,
    make("span", { class: "quiet" }, layers.summary)),
  make("p", { class: "quiet" },
    `Drawn from its declaration for images of ${layers.image_size} pixels: a slab is as high as the `
    + "feature map's side, and its width grows with the root of the channels. Below each: channels, "
    + "and the side squared."),
  key(), diagram(layers),
  folded("Layers as a table", table(["part", "layer", "output", "parameters", "GFLOP"],
    [...layerRows("encoder", layers.encoder), ...layerRows("decoder", layers.decoder)],
    { words: 2, label: `Layers of ${layers.name}` })));

// ---- Checkpoints

const duration = (seconds) => {
  if (seconds === null) return null;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
};

const factsOf = (checkpoint) => {
  const { training } = checkpoint;
  const { settings = {}, images, best_epoch: best } = training ?? {};
  const vectors = Object.entries(checkpoint.vector_sizes)
    .map(([pooling, size]) => `${pooling} ${count(size)}`).join(", ");
  return [
    ["datasets", checkpoint.datasets.join(", ")],
    ["architecture", checkpoint.arch],
    ["image size", `${checkpoint.image_size} × ${checkpoint.image_size} pixels`],
    ["latent", shape(checkpoint.latent)],
    ["vectors", vectors],
    ["trained on", images && `${count(images.training)} images, ${count(images.validation)} more to watch`],
    ["epochs", settings.epochs && `${settings.epochs}${best ? `, kept: number ${best}` : ""}`],
    ["time", duration(checkpoint.seconds)],
    ["recipe", settings.recipe], ["loss", settings.loss], ["scheduler", settings.scheduler],
    ["learning rate", settings.lr && String(settings.lr)],
    ["batch size", settings.batch_size && String(settings.batch_size)],
    ["colours of views", settings.colour], ["started from", settings.weights],
    ["seed", Number.isInteger(settings.seed) ? String(settings.seed) : null],
    ["weights", `${(checkpoint.bytes / 1e6).toFixed(1)} MB`],
    ["fingerprint", checkpoint.fingerprint],
  ].filter(([, value]) => value);
};

const curves = ({ training }) => {
  const history = training?.history ?? [];
  if (!history.length) {
    return make("p", { class: "quiet" }, "No epochs: these weights were taken as they were.");
  }
  const lines = [["training", "train_loss"], ["validation", "validation_loss"]]
    .map(([name, key]) => ({ name, values: history.map((epoch) => epoch[key]) }));
  return [
    lineChart({ title: "Loss by epoch", lines }),
    folded("Epochs as a table", table(
      ["epoch", "training", "validation", "reconstruction", "contrastive", "dead channels",
        "learning rate", "seconds"],
      history.map((epoch) => [String(epoch.epoch), significant(epoch.train_loss),
        significant(epoch.validation_loss), significant(epoch.reconstruction),
        significant(epoch.contrastive),
        epoch.dead_channels === null ? "–" : `${(epoch.dead_channels * 100).toFixed(0)} %`,
        significant(epoch.lr), epoch.seconds === null ? "–" : epoch.seconds.toFixed(1)]),
      { label: "Epochs" })),
  ];
};

const sheet = (checkpoint) => {
  if (!checkpoint.reconstructions) {
    return make("p", { class: "quiet" }, "This training left no picture of reconstructions: it was "
      + "made by an earlier version, or its weights were taken as they were. Train again to see one.");
  }
  const image = make("img", {
    src: `api/checkpoints/${checkpoint.name}/reconstructions`, class: "sheet",
    alt: "Two rows of pictures: originals above, and below what the decoder makes of their latents",
  });
  return make("figure", { class: "figure" },
    make("figcaption", {}, "Originals above, and what the decoder makes of their latents below. It "
      + "shows part of what they hold: grey means that it has not learned to read them, not that "
      + "nothing is there."), scrolling("Reconstructions", image));
};

const checkpointPanel = (checkpoint) => {
  const title = make("h3", { id: "checkpoint-title", tabindex: "-1" }, checkpoint.name);
  if (!checkpoint.readable) {
    return make("section", { class: "panel", "aria-labelledby": "checkpoint-title" }, title,
      make("p", {}, "The description of this checkpoint (model.json) is missing or damaged. "
        + `Restore its folder, or train again and sync ${checkpoint.datasets.join(", ")}.`));
  }
  return [
    make("div", { class: "halves" },
    make("section", { class: "panel", "aria-labelledby": "checkpoint-title" }, title,
      make("dl", { class: "facts" }, factsOf(checkpoint).map(([term, value]) =>
        make("div", { class: term === "fingerprint" ? "wide" : null },
          make("dt", {}, term), make("dd", {},
          term === "architecture" && !value.includes(":")
            ? make("a", { href: `#/models?arch=${value}` }, value) : value))))),
    make("section", { class: "panel" }, make("h3", {}, "How the training went"), curves(checkpoint))),
    make("section", { class: "panel" }, make("h3", {}, "What the latents keep"), sheet(checkpoint)),
  ];
};

const checkpointCards = (checkpoints, current) => make("div", { class: "cards-of-checkpoints" },
  checkpoints.map((checkpoint) => make("a", {
    class: "panel checkpoint-card", href: `#/models?checkpoint=${checkpoint.name}`,
    "aria-current": checkpoint.name === current ? "true" : null,
  },
    make("b", {}, checkpoint.name),
    make("span", {}, checkpoint.readable
      ? `${checkpoint.image_size} px, latent ${shape(checkpoint.latent)}` : "cannot be read"),
    make("span", {}, `encodes ${checkpoint.datasets.join(", ")}`))));

// ---- The view

const head = (part, archs, checkpoints) => make("header", { class: "view-head" },
  make("div", {},
    make("h2", { tabindex: "-1" }, "Models"),
    make("p", {}, "An architecture is the design of a network; a checkpoint is one whose values were "
      + "fitted to images. A dataset is searched with the checkpoint it was encoded with.")),
  make("span", { class: "spacer" }),
  make("nav", { class: "switch", "aria-label": "Models" },
    [["arch", "Architectures", archs], ["checkpoint", "Checkpoints", checkpoints]]
      .map(([name, title, many]) => make("a", {
        href: `#/models?${name}=`, "aria-current": name === part ? "page" : null,
      }, title, make("span", {}, String(many))))));

const showArchitectures = async (params, checkpoints) => {
  const dataset = chosen();
  const size = dataset?.image_size ?? STUDY_SIZE;
  const sizes = [...new Set([STUDY_SIZE, size])];
  const archs = await api(`architectures?${sizes.map((each) => `image_size=${each}`).join("&")}`);
  const known = (name) => archs.find((arch) => arch.name === name);
  const asked = params.get("arch");
  if (asked && !known(asked)) throw new Error(`There is no architecture “${asked}”.`);
  const current = known(asked) ?? known(dataset?.arch) ?? archs[0];
  const fits = size >= current.least_image_size;
  const layers = await api(
    `architectures/${current.name}?image_size=${fits ? size : STUDY_SIZE}`);
  const used = new Set(checkpoints.map(({ arch }) => arch));
  return [
    head("arch", archs.length, checkpoints.length),
    make("section", { class: "panel" }, archTable(archs, current.name, used, sizes),
      make("p", { class: "quiet under" }, "latent: channels × height × width of what one image "
        + "becomes. maxpool, flatten: length of the vector. GFLOP: billions of operations to encode "
        + "one image. encoder, decoder: learned values.")),
    layersPanel(layers),
  ];
};

const showCheckpoints = async (params, checkpoints) => {
  const asked = params.get("checkpoint");
  const archs = await api("architectures");
  const top = head("checkpoint", archs.length, checkpoints.length);
  if (!checkpoints.length) {
    return [top, notice("layers", "No checkpoint is in use yet",
      "The checkpoint that comes with the program can encode any folder; training on your own "
      + "pictures ranks better from some hundred of them on.",
      make("div", { class: "commands" },
        command("python scripts/train.py ~/Pictures --out checkpoints/mine"),
        command("python -m indexer sync ~/Pictures --checkpoint checkpoints/mine")))];
  }
  const name = asked || (chosen()?.checkpoint ?? checkpoints[0].name);
  const checkpoint = await api(`checkpoints/${encodeURIComponent(name)}`);
  return [
    top,
    checkpoints.length > 1 ? checkpointCards(checkpoints, checkpoint.name) : null,
    checkpointPanel(checkpoint),
  ];
};

let turn = 0;
view("models", async (params) => {
  const mine = ++turn;
  let content;
  try {
    const checkpoints = await api("checkpoints");
    content = await (params.has("checkpoint") ? showCheckpoints : showArchitectures)(
      params, checkpoints);
  } catch (error) {
    if (error.name !== "Error") throw error; // a mistake of this page, not an answer
    content = [notice("alert", "This cannot be shown", error.message,
      make("a", { class: "button", href: "#/models" }, "All models"))];
  }
  // Another visit may have overtaken this one.
  if (mine !== turn) return;
  const hadFocus = root.contains(document.activeElement);
  root.replaceChildren(...content.flat().filter(Boolean));
  if (hadFocus) root.querySelector("h3[tabindex], h2")?.focus({ preventScroll: true });
});
