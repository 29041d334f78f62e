const {
  element: make, notice, command, view, api, chosen, plural,
  table, folded, scrolling, lineChart, significant, archDiagram, slabLegend,
} = similarity;
const root = element.querySelector(".drawn");
const STUDY_SIZE = 224;
const count = (value) => (value === null ? "–" : value.toLocaleString("en"));
const shape = (latent) => (latent ? latent.map(count).join(" × ") : "too small");
const millions = (value) => (value < 1e5 ? count(value) : `${(value / 1e6).toFixed(2)} M`);

// ---- Architectures

const AT_SIZE = ["latent", "maxpool", "flatten", "GFLOP"];

// A phone shows of this table what compares at a glance, at one size; the rest stands with the
// layers.
const archTable = (architectures, current, used, sizes, size) => {
  const wide = "desk-only";
  const ofSize = (each, index) => `${index ? "" : "first"} ${each === size && index ? "" : wide}`;
  const title = (text, classes, more = {}) => make("th", { scope: "col", class: classes, ...more }, text);
  const over = (text, colspan) => title(text, "over", { colspan, scope: "colgroup" });
  const none = (classes) => make("td", { class: classes });
  const head = [
    make("tr", { class: wide }, none("words"), none("words"),
      sizes.map((each) => over(`at ${each} pixels`, AT_SIZE.length)), over("learned values", 2),
      none()),
    make("tr", {}, title("architecture", "words"), title("what it is", `words ${wide}`),
      sizes.map((each) => AT_SIZE.map((text, index) => title(text, ofSize(each, index)))).flat(),
      title("encoder", `first ${wide}`), title("decoder", wide), title("least pixels", wide)),
  ];
  const row = (arch) => make("tr", { "aria-current": arch.name === current ? "true" : null },
    make("th", { scope: "row", class: "words" },
      make("div", {}, make("a", { href: `#/models?arch=${arch.name}` }, arch.name),
        used.has(arch.name) ? make("span", { class: "tag" }, "in use") : null),
      make("small", { class: "phone-only" }, arch.summary)),
    make("td", { class: `words what ${wide}` }, arch.summary),
    arch.sizes.map((at) => figuresOf(at).map((text, index) =>
      make("td", { class: ofSize(at.image_size, index) }, text))).flat(),
    make("td", { class: `first ${wide}` }, millions(arch.encoder_parameters)),
    make("td", { class: wide }, millions(arch.decoder_parameters)),
    make("td", { class: wide }, count(arch.least_image_size)));
  return scrolling("Architectures", make("table", { class: "figures archs" },
    make("thead", {}, head), make("tbody", {}, architectures.map(row))));
};

const figuresOf = ({ latent, vector_sizes: vectors, gflop }) => [
  shape(latent), count(vectors.maxpool ?? null), count(vectors.flatten ?? null),
  gflop === null ? "–" : gflop.toFixed(2),
];

const restOf = (arch, size) => make("dl", { class: "facts phone-only" }, [
  ["latent", shape(arch.sizes.find(({ image_size: each }) => each === size).latent)],
  ["encoder, learned", millions(arch.encoder_parameters)],
  ["decoder, learned", millions(arch.decoder_parameters)],
  ["least image", `${count(arch.least_image_size)} pixels`],
].map(([term, value]) => make("div", {}, make("dt", {}, term), make("dd", {}, value))));

// ---- The layers of one

const layerRows = (part, steps, depth = 0) => steps.flatMap((step) => [
  [part, `${" · ".repeat(depth)}${step.summary}`, step.shape.join(" × "), count(step.parameters),
    step.gflop.toFixed(3)],
  ...step.branches.flatMap((branch) => layerRows(part, branch, depth + 1)),
]);

const layersPanel = (layers, rest) => make("section", { class: "panel", "aria-labelledby": "arch-title" },
  make("h3", { id: "arch-title", tabindex: "-1" }, layers.name,
    make("span", { class: "quiet" }, layers.summary)),
  make("p", { class: "quiet" },
    `Drawn from its declaration for images of ${layers.image_size} pixels: a slab is as high as the `
    + "feature map's side, and its width grows with the root of the channels. Below each: channels, "
    + "and the side squared."),
  rest, slabLegend(), archDiagram(layers),
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
    ["mixed precision", settings.amp !== "off" && settings.amp],
    ["processes", settings.processes > 1 && String(settings.processes)],
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
  const epochs = checkpoint.training?.history.length;
  if (!checkpoint.reconstructions) {
    return make("p", { class: "quiet" }, "This training left no picture of reconstructions: it was "
      + "made by an earlier version, or its weights were taken as they were. Train again to see one.");
  }
  const image = make("img", {
    src: `api/checkpoints/${checkpoint.name}/reconstructions`, class: "sheet",
    alt: "Two rows of pictures: originals above, and below what the decoder makes of their latents",
  });
  return make("figure", { class: "figure" },
    make("figcaption", {}, `Originals above; below, what the decoder makes of their latents${
      epochs ? ` after ${plural(epochs, "epoch")}` : ""}. The decoder is there for training only: a `
      + "search compares the latents and never runs it. Grey means that it has not learned to read "
      + "them, not that nothing is in them."), scrolling("Reconstructions", image));
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
    make("section", { class: "panel" }, make("h3", {}, "Reconstructions"), sheet(checkpoint)),
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
    make("section", { class: "panel" }, archTable(archs, current.name, used, sizes, size),
      make("p", { class: "quiet under phone-only" }, `For images of ${size} pixels. maxpool, flatten: `
        + "length of the vector. GFLOP: billions of operations to encode one image."),
      make("p", { class: "quiet under desk-only" }, "latent: channels × height × width of what one image "
        + "becomes. maxpool, flatten: length of the vector. GFLOP: billions of operations to encode "
        + "one image. encoder, decoder: learned values.")),
    layersPanel(layers, restOf(current, size)),
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
