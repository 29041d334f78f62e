// Charts and tables of figures. SVG by hand, not a library: canvas charts (uPlot, Chart.js) are
// pictures that no screen reader and no change of theme reaches, and Vega, which Gradio's plots
// load, is larger than the rest of the page. Here colours are the page's variables, text is text.
Object.assign(window.similarity, (() => {
  const { element } = window.similarity;

  const svg = (tag, attributes = {}, ...children) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined) made.setAttribute(name, value);
    }
    made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
    return made;
  };

  // What is wider than its place scrolls in it, by keyboard too.
  const scrolling = (label, ...content) =>
    element("div", { class: "scroll", role: "region", "aria-label": label, tabindex: "0" }, content);

  // `words`: so many columns on the left hold words, the others figures.
  const table = (head, rows, { words = 1, label = "Figures" } = {}) => {
    const side = (index) => (index < words ? "words" : null);
    return scrolling(label, element("table", { class: "figures" },
      element("thead", {}, element("tr", {}, head.map((title, index) =>
        element("th", { scope: "col", class: side(index) }, title)))),
      element("tbody", {}, rows.map((row) => element("tr", {}, row.map((cell, index) =>
        element(index ? "td" : "th", { scope: index ? null : "row", class: side(index) }, cell)))))));
  };

  const folded = (title, ...content) =>
    element("details", {}, element("summary", {}, title), content);

  // Figures with as many digits as they deserve; "–" for one that is not known.
  const figure = (value, digits = 3) =>
    (value === null || value === undefined ? "–" : value.toFixed(digits));
  const between = ({ value, low, high }) => `${figure(value)} [${figure(low)}, ${figure(high)}]`;
  const significant = (value) =>
    (value === null || value === undefined ? "–" : String(Number(value.toPrecision(4))));

  // Round values from `low` to `high`, at most `most` of them.
  const ticks = (low, high, most = 5) => {
    if (!(high > low)) return [low];
    const power = 10 ** Math.floor(Math.log10((high - low) / most));
    const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power)
      .find((candidate) => (high - low) / candidate <= most);
    const first = Math.ceil(low / step - 1e-9);
    const count = Math.floor(high / step + 1e-9) - first + 1;
    return Array.from({ length: count }, (_, index) => Number(((first + index) * step).toPrecision(12)));
  };

  // A drawing that is made for the width it gets, and made again for another.
  const fitted = (draw) => {
    const frame = element("div", { class: "chart" });
    let width = 0;
    new ResizeObserver(([{ contentRect }]) => {
      const now = Math.round(contentRect.width);
      if (!now || now === width) return;
      width = now;
      frame.replaceChildren(draw(width));
    }).observe(frame);
    return frame;
  };

  // Series differ in colour, dash and mark: style 0 to 5.
  const STYLES = 6;
  const MARKS = [
    "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0z", "M-3.2-3.2h6.4v6.4h-6.4z", "M0-4.4L4.2 3.4h-8.4z",
    "M0-4.6L4.6 0 0 4.6-4.6 0z", "M-4-1.3h2.7V-4h2.6v2.7H4v2.6H1.3V4h-2.6V1.3H-4z",
    "M0 4.4L4.2-3.4h-8.4z",
  ];
  const mark = (style, x, y) => svg("path", {
    d: MARKS[style % STYLES], class: `mark s${style % STYLES}`,
    transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`,
  });
  const legend = (names, { lines = true } = {}) => element("ul", { class: "legend" }, names.map((name, style) =>
    element("li", {},
      svg("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" },
        lines ? svg("path", { d: "M0 5h26", class: `line s${style % STYLES}` }) : null,
        mark(style, 13, 5)),
      element("span", {}, name))));

  // An interval that holds all of `values`, with a little air.
  const span = (values) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const air = (high - low || Math.abs(high) || 1) * 0.08;
    return [low - air, high + air];
  };

  const scale = ([low, high], from, to, log = false) => {
    const place = log ? Math.log : (value) => value;
    return (value) =>
      from + ((place(value) - place(low)) / (place(high) - place(low))) * (to - from);
  };

  // The axes: horizontal lines at `ys`, ticks at `xs`.
  const axes = ({ width, height, left, bottom, x, y, xs, ys, xTitle, format }) => [
    ys.map((value) => [
      svg("path", { class: "grid", d: `M${left} ${y(value)}H${width - 8}` }),
      svg("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, format(value)),
    ]),
    xs.map((value) => svg("text",
      { x: x(value), y: height - bottom + 18, "text-anchor": "middle" }, String(value))),
    svg("text", { x: width - 8, y: height - 2, "text-anchor": "end", class: "axis-title" }, xTitle),
  ];

  // Lines over epochs. lines: [{name, values}], the first value being epoch 1; null where unknown.
  const lineChart = ({ title, lines }) => {
    const drawn = lines.map(({ name, values }) => ({
      name,
      points: values.map((value, index) => [index + 1, value]).filter(([, value]) => value !== null),
    }));
    const all = drawn.flatMap(({ points }) => points);
    if (!all.length) return element("p", { class: "quiet" }, "No losses were recorded.");
    const [epochs, ySpan] = [Math.max(...all.map(([epoch]) => epoch)), span(all.map(([, y]) => y))];
    const summary = drawn.filter(({ points }) => points.length).map(({ name, points }) =>
      `${name} from ${significant(points[0][1])} to ${significant(points.at(-1)[1])}`).join("; ");
    const draw = (width) => {
      const [height, left, bottom] = [220, 54, 36];
      const x = scale([1, Math.max(epochs, 2)], left + 6, width - 14);
      const y = scale(ySpan, height - bottom, 10);
      const xs = ticks(1, epochs, Math.min(epochs, Math.floor(width / 60))).filter(Number.isInteger);
      return svg("svg",
        { viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
          "aria-label": `${title}, epochs 1 to ${epochs}: ${summary}` },
        axes({ width, height, left, bottom, x, y, xs, ys: ticks(...ySpan), xTitle: "epoch",
          format: significant }),
        drawn.map(({ points }, style) => [
          svg("path", { class: `line s${style % STYLES}`,
            d: points.map(([epoch, value]) => `${x(epoch).toFixed(1)} ${y(value).toFixed(1)}`)
              .map((place, index) => `${index ? "L" : "M"}${place}`).join("") }),
          epochs > 40 ? [] : points.map(([epoch, value]) => {
            const dot = mark(style, x(epoch), y(value));
            dot.append(svg("title", {}, `${drawn[style].name}, epoch ${epoch}: ${significant(value)}`));
            return dot;
          }),
        ]));
    };
    return element("figure", { class: "figure" },
      element("figcaption", {}, title), legend(drawn.map(({ name }) => name)), fitted(draw));
  };

  // Values with their intervals, one a line. items: [{name, detail, href, interval, start}], where
  // `start` is what the value has to beat; without an interval there is no value, and `detail` says
  // why. floors: [{kind, name, value}], lines through all of them.
  const dots = (items, floors, { label }) => {
    const range = span([
      ...items.filter(({ interval }) => interval).flatMap(({ interval, start }) => [interval.low, interval.high, start?.value]),
      ...floors.map(({ value }) => value),
    ].filter((value) => value !== undefined));
    const at = (value) => `${(((value - range[0]) / (range[1] - range[0])) * 100).toFixed(2)}%`;
    const named = (name, detail) =>
      element("span", { class: "dot-name" }, name, element("small", {}, detail));
    const item = ({ name, href, detail, interval, start }) => {
      if (!interval) {
        return element("li", { class: "desk-only" },
          element("div", { class: "dot-row missing" }, named(name, detail)));
      }
      const track = element("span", { class: "dot-track", "aria-hidden": "true" },
        floors.map(({ kind, value }) =>
          element("i", { class: `floor ${kind}`, style: `left: ${at(value)}` })),
        element("i", { class: "range",
          style: `left: ${at(interval.low)}; right: calc(100% - ${at(interval.high)})` }),
        start ? element("i", { class: "dot hollow", style: `left: ${at(start.value)}` }) : null,
        element("i", { class: "dot", style: `left: ${at(interval.value)}` }));
      const rest = ` [${figure(interval.low)}, ${figure(interval.high)}]`
        + (start ? `; untrained ${figure(start.value)}` : "");
      return element("li", {}, element(href ? "a" : "div",
        { class: "dot-row", href, title: `${name}, ${detail}: ${figure(interval.value)}${rest}` },
        named(name, detail), track,
        element("span", { class: "dot-value" }, figure(interval.value),
          element("span", { class: "visually-hidden" }, rest))));
    };
    return element("div", { class: "dots" },
      element("ol", { "aria-label": label }, items.map(item)),
      element("div", { class: "dot-axis", "aria-hidden": "true" }, ticks(...range, 4).map((value) =>
        element("i", { style: `left: ${at(value)}` }, significant(value)))),
      floors.length ? element("p", { class: "quiet" },
        floors.map(({ name, value }) => `${name} ${figure(value)}`).join(", ")) : null);
  };

  const dotLegend = () => element("ul", { class: "legend" },
    [["dot", "trained, with its 95 % interval"], ["dot hollow", "the same network untrained"],
      ["floor colours", "colours only, no network"], ["floor pixels", "raw pixels, no network"]]
      .map(([kind, text]) => element("li", {},
        element("span", { class: "dot-sample", "aria-hidden": "true" }, element("i", { class: kind })),
        element("span", {}, text))));

  // Points over a logarithmic x. series: [{name, points: [{x, y, title}]}].
  const scatter = ({ title, summary, xTitle, series }) => {
    const all = series.flatMap(({ points }) => points);
    const xs = [...new Set(all.map(({ x }) => x))].sort((a, b) => a - b);
    const ySpan = span(all.map(({ y }) => y));
    const told = series.filter(({ points }) => points.length).map(({ name, points }) => {
      const ys = points.map(({ y }) => y);
      return `${name} ${figure(Math.min(...ys))} to ${figure(Math.max(...ys))}`;
    });
    const draw = (width) => {
      const [height, left, bottom] = [210, 54, 36];
      const x = scale([xs[0] / 1.4, xs.at(-1) * 1.4], left, width - 14, true);
      const y = scale(ySpan, height - bottom, 10);
      return svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
        "aria-label": `${summary}, ${xs[0]} to ${xs.at(-1)}: ${told.join(", ")}` },
      axes({ width, height, left, bottom, x, y, xs, ys: ticks(...ySpan), xTitle,
        format: significant }),
      series.map(({ points }, style) => points.map((point) => {
        const dot = mark(style, x(point.x), y(point.y));
        dot.append(svg("title", {}, point.title));
        return dot;
      })));
    };
    return element("figure", { class: "figure" }, element("figcaption", {}, title), fitted(draw));
  };

  return {
    svg, scrolling, table, folded, figure, between, significant, ticks, fitted, mark, legend, span,
    scale, axes, lineChart, dots, dotLegend, scatter,
  };
})());
