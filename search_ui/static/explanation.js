// Why an image was found: where in the query and in the hit their similarity comes from.
Object.assign(window.similarity, (() => {
  const { element: make, fullPicture, oneOf, api, cropFrame } = window.similarity;
  const DARKEST = 0.88;
  const HIGHEST = "46dvh";
  const VEIL_SIDE = 96;
  const ROWS = ["upper", "", "lower"];
  const COLUMNS = ["left", "", "right"];

  // Between the middles of two cells, level at both: straight lines would show as creases.
  const between = (position, count) => {
    const at = Math.min(count - 1, Math.max(0, position * count - 0.5));
    const low = Math.floor(at);
    const share = at - low;
    return [low, Math.min(count - 1, low + 1), share * share * (3 - 2 * share)];
  };
  const valueAt = (cells, x, y) => {
    const [left, right, across] = between(x, cells[0].length);
    const [top, bottom, down] = between(y, cells.length);
    const inRow = (row) => row[left] * (1 - across) + row[right] * across;
    return inRow(cells[top]) * (1 - down) + inRow(cells[bottom]) * down;
  };

  // Darker where less comes from.
  const veil = (cells) => {
    const most = Math.max(...cells.flat());
    const canvas = make("canvas",
      { class: "veil", width: VEIL_SIDE, height: VEIL_SIDE, "aria-hidden": "true" });
    const shade = new ImageData(VEIL_SIDE, VEIL_SIDE);
    for (let at = 0; at < VEIL_SIDE ** 2; at += 1) {
      const x = (at % VEIL_SIDE + 0.5) / VEIL_SIDE;
      const y = (Math.floor(at / VEIL_SIDE) + 0.5) / VEIL_SIDE;
      const share = most > 0 ? Math.max(0, valueAt(cells, x, y)) / most : 0;
      shade.data.set([8, 8, 12, 255 * DARKEST * (1 - share)], 4 * at);
    }
    canvas.getContext("2d").putImageData(shade, 0, 0);
    return canvas;
  };

  const third = (index, count) => Math.floor((index + 0.5) * 3 / count);
  // Such as "upper left".
  const brightest = (cells) => {
    const all = cells.flat();
    const at = all.indexOf(Math.max(...all));
    const width = cells[0].length;
    const row = ROWS[third(Math.floor(at / width), cells.length)];
    const column = COLUMNS[third(at % width, width)];
    return [row, column].filter(Boolean).join(" ") || "middle";
  };

  const lit = (name, { original, thumb, crop }, cells) => {
    const image = fullPicture(original, thumb, name);
    const frame = cropFrame(crop);
    frame?.append(veil(cells));
    const area = make("div", { class: "lit-picture" }, image, frame ?? veil(cells));
    // As large as there is room, in the shape of the picture: cells of one are of the other.
    image.addEventListener("load", () => {
      const ratio = image.naturalWidth / image.naturalHeight;
      area.style.aspectRatio = ratio;
      area.style.width = `min(100%, calc(${HIGHEST} * ${ratio}))`;
    });
    return make("figure", { class: "lit" }, area,
      make("figcaption", {}, name, make("span", {}, `most: ${brightest(cells)}`)));
  };

  const meaning = (pooling) => pooling === "flatten"
    ? "Flatten compares equal places, so that both are lit alike."
    : "On each it is lit where its own share lies.";

  // `question` is that of the search, `hit` an image that it found, `poolings` [[value, name], ...]
  // are those of its rows; `pictures` are {query, hit}, each {original, thumb, crop}.
  const explanation = ({ question, hit, poolings, pictures }) => {
    const shown = make("div", { class: "lit-pair", "aria-live": "polite" });
    const said = make("p", { class: "lit-meaning" });
    let wanted;
    const load = async (pooling) => {
      wanted = pooling;
      try {
        const told = await api("board/similarity", {
          method: "POST", headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ ...question, hit, compared: pooling }),
        });
        if (wanted !== pooling) return;
        shown.replaceChildren(lit("Query", pictures.query, told.query),
          lit("Found", pictures.hit, told.hit));
        said.textContent = "Lit is what the two have in common; all of it makes their cosine "
          + `similarity of ${told.similarity.toFixed(3)}. ${meaning(pooling)}`;
      } catch (error) {
        if (wanted !== pooling) return;
        shown.replaceChildren();
        said.textContent = error.message;
      }
    };
    load(poolings[0][0]);
    return make("div", { class: "explanation" },
      poolings.length > 1 ? oneOf("Compared by", poolings, poolings[0][0], load) : null,
      shown, said);
  };

  return { explanation };
})());
