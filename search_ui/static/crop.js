// Choosing a part of the query. A box is [left, top, right, bottom] in fractions of the picture; in
// an address it is "l,t,r,b".
Object.assign(window.similarity, (() => {
  const { element: make, icon, fullPicture, dialog, ask, pictureOf } = window.similarity;
  const LEAST = 0.02;
  const STEP = 0.01;
  const START = [0.25, 0.25, 0.75, 0.75];
  const CORNERS = ["nw", "ne", "sw", "se"];

  const within = (value, low, high) => Math.min(high, Math.max(low, value));
  const read = (text) => {
    const box = text?.split(",").map(Number);
    return box?.length === 4 && box.every(Number.isFinite) ? box : null;
  };
  const write = (box) => box.map((value) => Number(value.toFixed(3))).join(",");
  const place = (shown, [left, top, right, bottom]) => Object.assign(shown.style, {
    left: `${left * 100}%`, top: `${top * 100}%`,
    width: `${(right - left) * 100}%`, height: `${(bottom - top) * 100}%`,
  });

  const moved = ([left, top, right, bottom], x, y) => {
    const dx = within(x, -left, 1 - right);
    const dy = within(y, -top, 1 - bottom);
    return [left + dx, top + dy, right + dx, bottom + dy];
  };
  // The corner at the lower right goes by (x, y).
  const resized = ([left, top, right, bottom], x, y) => [
    left, top, within(right + x, left + LEAST, 1), within(bottom + y, top + LEAST, 1),
  ];
  const between = (a, b) => {
    const side = (from, to) => {
      const [low, high] = [Math.min(from, to), Math.max(from, to)];
      const least = Math.min(low, 1 - LEAST);
      return [least, Math.max(high, least + LEAST)];
    };
    const [left, right] = side(a[0], b[0]);
    const [top, bottom] = side(a[1], b[1]);
    return [left, top, right, bottom];
  };

  // The frame that a small picture of the query wears; null for a whole one.
  const cropFrame = (text) => {
    const box = read(text);
    if (!box) return null;
    const frame = make("span", { class: "crop-frame", "aria-hidden": "true" });
    place(frame, box);
    return frame;
  };

  const crop = (question) => {
    const { thumb, original } = pictureOf(question);
    const image = fullPicture(question.upload ? null : original, thumb, "The query");
    // As large as there is room, in the shape of the picture: fractions of one are of the other.
    image.addEventListener("load", () => {
      const ratio = image.naturalWidth / image.naturalHeight;
      stage.style.aspectRatio = ratio;
      stage.style.width = `min(100%, calc((100dvh - 280px) * ${ratio}))`;
    });
    let box = read(question.crop) ?? START;
    const handle = make("div", {
      class: "crop-box", tabindex: "0", role: "application", "aria-roledescription": "box",
      "aria-label": "Part of the picture. Arrow keys move it, with Shift they resize it, "
        + "Enter searches",
    }, CORNERS.map((corner) => make("span", { class: `corner ${corner}`, "data-corner": corner })));
    const stage = make("div", { class: "crop-stage" }, image, handle);
    const status = make("p", { class: "visually-hidden", role: "status" });
    const button = (classes, ...face) => make("button", { type: "button", class: classes }, face);
    const search = button("button main", icon("search"), "Search with this part");
    const whole = button("button", "Whole picture");
    const shown = dialog("crop", "Search with a part",
      make("p", { class: "dialog-hint" },
        "Draw a box around what you are looking for. Arrow keys move it, Shift and arrow keys "
        + "resize it."),
      make("div", { class: "crop-room" }, stage),
      make("div", { class: "dialog-foot" }, whole, search), status);

    const set = (next) => {
      box = next;
      place(handle, box);
    };
    const finish = (part) => {
      shown.close();
      ask({ crop: part });
    };
    search.addEventListener("click", () => finish(write(box)));
    whole.addEventListener("click", () => finish(undefined));

    const at = ({ clientX, clientY }) => {
      const area = stage.getBoundingClientRect();
      return [
        within((clientX - area.left) / area.width, 0, 1),
        within((clientY - area.top) / area.height, 0, 1),
      ];
    };
    let drag = null; // what a moving pointer makes of the box
    stage.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      event.preventDefault();
      handle.focus({ preventScroll: true });
      stage.setPointerCapture(event.pointerId);
      const from = at(event);
      const first = box;
      const { corner } = event.target.dataset;
      if (corner) {
        const fixed = [
          corner.endsWith("w") ? first[2] : first[0], corner.startsWith("n") ? first[3] : first[1],
        ];
        drag = (to) => between(fixed, to);
      } else if (event.target === handle) {
        drag = (to) => moved(first, to[0] - from[0], to[1] - from[1]);
      } else drag = (to) => between(from, to);
    });
    stage.addEventListener("pointermove", (event) => drag && set(drag(at(event))));
    for (const type of ["pointerup", "pointercancel"]) {
      stage.addEventListener(type, () => { drag = null; });
    }
    const STEPS = {
      ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP],
    };
    handle.addEventListener("keydown", (event) => {
      if (event.key === "Enter") finish(write(box));
      const step = STEPS[event.key];
      if (!step) return;
      event.preventDefault();
      set((event.shiftKey ? resized : moved)(box, ...step));
      const [left, top, right, bottom] = box.map((value) => Math.round(value * 100));
      status.textContent = `${left} to ${right} % across, ${top} to ${bottom} % down`;
    });
    set(box);
    handle.focus();
  };

  return { crop, cropFrame };
})());
