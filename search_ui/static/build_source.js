// Where the pictures of a build come from: an archive that is sent, a folder of the server, the
// demo pictures.
Object.assign(window.similarity, (() => {
  const {
    element: make, icon, cards, field, select, meter, bytes, command, sentence,
  } = window.similarity;

  // As models/sources/source.py makes names; "" where nothing is left of the text.
  const nameFrom = (text) => text.normalize("NFKD").replace(/[^\x00-\x7f]/g, "").toLowerCase()
    .replace(/[^a-z0-9_]+/g, "-").replace(/_{2,}/g, "_").replace(/^[-_]+|[-_]+$/g, "")
    .slice(0, 64).replace(/[-_]+$/, "");

  // Sends a file; resolves to what the server answers, rejects with one line for the visitor.
  const send = (file, progress) => {
    const request = new XMLHttpRequest();
    const answer = new Promise((resolve, reject) => {
      const fail = (text) => reject(new Error(text));
      request.open("POST", `api/uploads?name=${encodeURIComponent(file.name)}`);
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.responseType = "json";
      request.upload.addEventListener("progress", ({ loaded, total }) => progress(loaded / total));
      request.addEventListener("load", () => (request.status === 200 ? resolve(request.response)
        : fail(sentence(request.response?.detail ?? "The server refused the archive."))));
      request.addEventListener("error",
        () => fail("The archive did not reach the server. Try again."));
      request.addEventListener("abort", () => fail(""));
      request.send(file);
    });
    return { answer, cancel: () => request.abort() };
  };

  const ending = (suffixes, name) =>
    suffixes.find((suffix) => name.toLowerCase().endsWith(suffix)) ?? "";

  // "": may be sent.
  const refusal = (file, { suffixes, max_bytes: most }) => {
    if (!ending(suffixes, file.name)) {
      return `“${file.name}” is no archive. Put the pictures into one: ${suffixes.join(", ")}.`;
    }
    return file.size > most
      ? `“${file.name}” has ${bytes(file.size)}; this server takes ${bytes(most)} at most.` : "";
  };

  const archivePart = (upload, changed) => {
    let sending = null;
    let received = null;
    const input = make("input", {
      type: "file", class: "visually-hidden", tabindex: "-1",
      // Browsers know the last part of ".tar.gz" only.
      accept: upload.suffixes.map((suffix) => `.${suffix.split(".").at(-1)}`).join(","),
      "aria-label": "Archive of pictures",
    });
    const drop = make("button", { type: "button", class: "drop" }, icon("upload"),
      make("b", {}, "Drop an archive of pictures here"),
      make("span", {}, `or click to choose one: ${upload.suffixes.join(" ")}, up to ${
        bytes(upload.max_bytes)}`));
    const shown = make("div", { class: "file-row", hidden: "" });
    const problem = make("p", { class: "field-problem", role: "alert" });
    const bar = meter("Upload");
    const root = make("div", {}, input, drop, shown, problem);

    const button = (text, act) => {
      const made = make("button", { type: "button", class: "button" }, text);
      made.addEventListener("click", act);
      return made;
    };
    const row = (file, words, ...rest) => {
      drop.hidden = true;
      shown.hidden = false;
      shown.replaceChildren(...[make("b", {}, file.name), words, ...rest].filter(Boolean));
    };
    const empty = (text = "") => {
      const focused = shown.contains(document.activeElement);
      sending = received = null;
      drop.hidden = false;
      shown.hidden = true;
      problem.textContent = text;
      if (focused) drop.focus();
      changed();
    };

    const take = async (file) => {
      sending?.cancel();
      const refused = refusal(file, upload);
      if (refused) return empty(refused);
      problem.textContent = "";
      received = null;
      const words = make("span", {}, "0 %");
      row(file, words, bar.root, button("Cancel", () => mine.cancel()));
      bar.show(0, "0 %");
      const mine = send(file, (share) => {
        const text = share < 1 ? `${Math.floor(100 * share)} %` : "being checked …";
        words.textContent = `${bytes(file.size)}, ${text}`;
        bar.show(share, text);
      });
      mine.name = nameFrom(file.name.slice(0, -ending(upload.suffixes, file.name).length));
      sending = mine;
      changed();
      try {
        const answer = await mine.answer;
        if (sending !== mine) return;
        received = answer;
        const done = make("span", { class: "good", role: "status" }, icon("check"),
          `${bytes(answer.bytes)}, uploaded`);
        row(file, done, button("Choose another", () => { empty(); input.click(); }));
        changed();
      } catch (error) {
        if (sending === mine) empty(error.message);
      }
    };

    drop.addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      if (input.files[0]) take(input.files[0]);
      input.value = "";
    });
    return {
      root, take, name: () => sending?.name ?? "",
      // Waits until the archive is there.
      read: async () => {
        if (!sending) throw Object.assign(new Error("Choose an archive first."), { control: drop });
        const { token } = received ?? await sending.answer;
        return { kind: "archive", token };
      },
      refuse: (text) => { problem.textContent = text; },
      again: empty,
    };
  };

  const folderPart = (folders, changed) => {
    if (!folders.length) {
      return {
        root: make("div", { class: "unallowed" },
          make("p", {}, "No folder of this server may be used yet. Whoever runs it allows one, " +
            "with all folders in it, when starting it:"),
          command("python -m search_ui --image-folder PICTURES")),
        name: () => "",
        read: async () => { throw new Error("Choose other pictures: no folder is allowed."); },
      };
    }
    const folder = field("Folder", select(folders.map(({ name }) => [name, name])));
    const list = make("datalist", { id: "build-subfolders" });
    const path = field("Subfolder",
      make("input", {
        class: "field", list: list.id, maxlength: 4096, placeholder: "all of it",
        autocomplete: "off", spellcheck: "false",
      }),
      { hint: "Empty: all of it. Choose one, or type a path such as cats/2024." });
    const fill = () => list.replaceChildren(
      ...folders.find(({ name }) => name === folder.control.value).subfolders
        .map((name) => make("option", { value: name })));
    const clean = () => path.control.value.trim().replace(/^\/+|\/+$/g, "");
    folder.control.addEventListener("change", () => {
      path.control.value = "";
      path.refuse("");
      fill();
      changed();
    });
    path.control.addEventListener("input", () => { path.refuse(""); changed(); });
    fill();
    return {
      root: make("div", {},
        make("div", { class: "fields" }, folder.root, path.root, list),
        make("p", { class: "field-hint" },
          "All pictures in it and in its folders; a folder’s name becomes their label.")),
      name: () => nameFrom(clean().split("/").at(-1) || folder.control.value),
      read: async () => ({ kind: "folder", folder: folder.control.value, path: clean() }),
      refuse: (text) => path.refuse(text),
    };
  };

  const demoPart = () => ({
    root: make("p", { class: "field-hint" },
      "640 small pictures that the program draws by itself, of known kinds: made for a first try."),
    name: () => "demo",
    read: async () => ({ kind: "demo" }),
  });

  // The step of the form; `changed()` is called with every other source.
  const buildSource = ({ upload, folders }, { first, changed }) => {
    const parts = {
      archive: archivePart(upload, changed), folder: folderPart(folders, changed), demo: demoPart(),
    };
    const show = (kind) => {
      for (const [name, part] of Object.entries(parts)) part.root.hidden = name !== kind;
      changed();
    };
    const choice = cards({
      label: "Where the pictures come from", value: first, change: show,
      choices: [
        { value: "archive", title: "An archive", text: "uploaded from your computer" },
        { value: "folder", title: "A folder", text: "that lies on the server" },
        { value: "demo", title: "Demo pictures", text: "to try it out" },
      ],
    });
    for (const [name, part] of Object.entries(parts)) part.root.hidden = name !== first;
    const part = () => parts[choice.chosen()];
    return {
      root: make("div", {}, choice.root,
        make("div", { class: "choice-detail" }, Object.values(parts).map(({ root }) => root))),
      name: () => part().name(),
      read: () => part().read(),
      refuse: (text) => part().refuse?.(text),
      // A file that was dropped on the page.
      take: (file) => {
        choice.choose("archive");
        parts.archive.take(file);
      },
      // The archive became the source of a dataset: its token is spent.
      spent: () => parts.archive.again(),
    };
  };

  return { buildSource };
})());
