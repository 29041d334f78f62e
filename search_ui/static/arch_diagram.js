// The diagram of an architecture: a slab for each feature map, as high as its side and as wide as
// its channels.
Object.assign(window.similarity, (() => {
  const { element: make, svg, scrolling, count } = window.similarity;
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

  const archDiagram = ({ name, image_size: image, encoder, decoder, latent }) => {
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

  const slabLegend = () => make("ul", { class: "legend keys-of-slabs" },
    [["image", "image"], ["learned", "encoder, learned"], ["", "encoder, fixed"],
      ["latent", "latent: what is searched"], ["back", "decoder, for training only"]]
      .map(([kind, text]) => make("li", {},
        svg("svg", { viewBox: "0 0 14 14", "aria-hidden": "true" },
          svg("g", { class: `slab ${kind}` }, svg("rect", { x: 1, y: 1, width: 12, height: 12 }))),
        make("span", {}, text))));

  return { archDiagram, slabLegend };
})());
