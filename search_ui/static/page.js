// State and building blocks that the components of the page share. Loaded before any of them.
window.similarity ??= (() => {
  let busyTimer;

  // Text becomes text nodes and attributes only, never HTML: labels and file names are foreign.
  // Gradio's own templates would not do: they evaluate "${...}" inside the values they insert.
  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value);
    }
    made.append(...children.flat(Infinity).filter((child) => child !== null && child !== ""));
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
    close: "M6 6l12 12M18 6L6 18",
    info: "M12 11v5m0-8.5v.5M20.5 12a8.5 8.5 0 1 1-17 0 8.5 8.5 0 0 1 17 0z",
    link: "M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1",
    crop: "M7 3v14h14M3 7h14v14",
    camera: "M4 8h3l1.5-2.5h7L17 8h3v11H4zM15.5 13a3.5 3.5 0 1 1-7 0 3.5 3.5 0 0 1 7 0z",
    open: "M13 5h6v6m0-6l-8 8M17 14v5H5V7h5",
    save: "M12 4v11m0 0l-4.5-4.5M12 15l4.5-4.5M5 20h14",
    next: "M9 5l7 7-7 7",
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

  // The original, or its thumbnail: not every browser shows every format, and a file may be gone
  // while its image is still in the index.
  const fullPicture = (original, thumb, alt) => {
    const image = picture(original || thumb, alt);
    image.addEventListener("error", () => {
      image.classList.remove("missing");
      image.src = thumb;
    }, { once: true });
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

  // Buttons of which one is pressed; `options` are [[value, name], ...].
  const oneOf = (label, options, chosen, choose) => {
    const buttons = options.map(([value, name]) => {
      const pressed = String(value === chosen);
      const button = element("button", { type: "button", "aria-pressed": pressed }, name);
      button.addEventListener("click", () => {
        buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
        choose(value);
      });
      return button;
    });
    return element("div", { class: "switch", role: "group", "aria-label": label }, buttons);
  };

  const command = (text) => element("div", { class: "command" },
    element("code", {}, text), copyButton(text, `Copy: ${text}`));

  // How a dataset is made without the page.
  const firstCommands = () => element("div", { class: "commands" },
    command("python scripts/train.py PICTURES --out checkpoints/mine"),
    command("python -m indexer sync PICTURES --checkpoint checkpoints/mine"));

  const unindexed = () => notice("layers", "No dataset is indexed yet",
    "Build one of your pictures here, or with two commands, and reload this page after them.",
    element("a", { class: "button main", href: "#/build" }, "Build one"), firstCommands());

  // A short search shows no sign of work at all; a longer one gets a line that moves.
  const busy = (on) => {
    clearTimeout(busyTimer);
    const mark = () => document.documentElement.toggleAttribute("data-busy", on);
    if (on) busyTimer = setTimeout(mark, 250);
    else mark();
  };

  // Kept once the visitor lets go of what they press, at once if that is nothing. A view that is
  // drawn anew in between would make them click on nothing.
  let letGo = Promise.resolve();
  const released = () => letGo;
  const ENDS = ["pointerup", "pointercancel", "contextmenu"];
  window.addEventListener("pointerdown", ({ button }) => {
    if (button !== 0) return;
    letGo = new Promise((done) => {
      const after = () => setTimeout(done); // the click itself comes last
      ENDS.forEach((end) => window.addEventListener(end, after, { once: true, capture: true }));
    });
  }, { capture: true });

  // A modal dialog with a title and a button that closes it; removed when it is closed. The browser
  // keeps the focus inside, closes it with Esc and gives the focus back.
  const dialog = (name, title, ...content) => {
    const close = element("button",
      { type: "button", class: "round", "aria-label": "Close", title: "Close" }, icon("close"));
    const made = element("dialog", { class: `dialog ${name}`, "aria-label": title },
      element("header", { class: "dialog-head" }, element("h2", {}, title), close), content);
    close.addEventListener("click", () => made.close());
    // A click beside it.
    made.addEventListener("click", (event) => event.target === made && made.close());
    made.addEventListener("close", () => made.remove());
    document.querySelector("#page").append(made);
    made.showModal();
    return made;
  };

  // Gradio has set up all of its components.
  const opened = () => { document.documentElement.dataset.ready = "1"; };

  return {
    views: window.similarityViews,
    element, icon, picture, fullPicture, notice, copyButton, oneOf, command, firstCommands, unindexed, dialog, busy, released, opened,
  };
})();
