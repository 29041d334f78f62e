// One job of the server: what it does, how far it is, what came of it.
Object.assign(window.similarity, (() => {
  const {
    element: make, icon, api, views, svg, fitted, axes, scale, span, ticks, legend, mark,
    significant, scrolling, meter, sentence, count, copyButton,
  } = window.similarity;

  const STATES = {
    waiting: "Waiting", training: "Training", indexing: "Indexing", grouping: "Grouping",
    done: "Done", failed: "Failed", stopped: "Stopped",
  };
  const PHASES = {
    unpacking: "Unpacking the archive", reading: "Reading the pictures",
    words: "Learning visual words", views: "Learning what views share",
    training: "Training", whitening: "Evening out the numbers",
    comparing: "Comparing with what is indexed", encoding: "Turning pictures into numbers",
    publishing: "Publishing the dataset",
  };

  const duration = (seconds) => {
    const whole = Math.max(0, Math.round(seconds));
    if (whole < 60) return `${whole} s`;
    const minutes = Math.floor(whole / 60);
    return minutes < 60 ? `${minutes} min ${whole % 60} s`
      : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  };

  const SINCE = [
    [60, "second", 1], [3600, "minute", 60], [86400, "hour", 3600], [Infinity, "day", 86400],
  ];
  const when = (moment) => {
    const seconds = (Date.now() - new Date(moment)) / 1000;
    const [, unit, size] = SINCE.find(([limit]) => seconds < limit);
    const ago = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
    const text = seconds < 10 ? "just now" : ago.format(-Math.floor(seconds / size), unit);
    return make("time", { datetime: moment, title: new Date(moment).toLocaleString() }, text);
  };

  // What was asked for, in a sentence.
  const asked = ({ request }) => {
    if (request.kind === "retry") return "Tries the pictures again that could not be read.";
    if (request.kind === "group") return "Puts the pictures that look alike into groups.";
    const { source, model, distances } = request;
    if (!source || !model) return "Work on a dataset.";
    const limit = model.minutes ? `, ${model.minutes} min at most` : "";
    const from = model.weights === "default" ? ", from the ready checkpoint" : "";
    const colour = model.colour === "ignore" ? ", colour ignored" : "";
    const how = model.kind !== "train" ? "encoded by the ready checkpoint"
      : `trained: ${model.arch}, ${model.image_size} pixels, ${
        model.epochs} epochs${limit}${from}${colour}`;
    return `Of ${source.label}; ${how}; ${distances.join(" and ")}.`;
  };

  const stateSign = (job) => make("span", { class: `state state-${job.state}` },
    job.over ? icon(job.state === "done" ? "check" : job.state === "failed" ? "alert" : "close")
      : make("span", { class: "state-dot", "aria-hidden": "true" }),
    job.stopping ? "Stopping" : STATES[job.state] ?? sentence(job.state));

  const stepsOf = ({ request }) => [
    "waiting", ...(request.model?.kind === "train" ? ["training"] : []),
    request.kind === "group" ? "grouping" : "indexing", "done",
  ];

  // `reached`: where a job is, or was when it failed or was stopped.
  const drawSteps = ({ request, state, reached }, root) => {
    const steps = stepsOf({ request });
    const at = steps.indexOf(reached);
    const ended = state !== reached;
    root.replaceChildren(...steps.map((name, index) => {
      const kind = index < at || state === "done" ? "past" : "";
      const now = index === at ? `now ${state}` : "";
      const face = kind ? icon("check")
        : now && ended ? icon(state === "failed" ? "alert" : "close") : String(index + 1);
      return make("li", {
        class: `${kind} ${now}`.trim(), "aria-current": now ? "step" : null,
      }, make("span", { class: "step-number", "aria-hidden": "true" }, face),
        make("span", {}, STATES[name], now && ended ? `: ${STATES[state].toLowerCase()}` : ""));
    }));
  };

  const pace = (speed) => (speed < 10 ? speed.toFixed(1) : count(Math.round(speed)));
  const figures = (
    { phase, done, total, per_second: speed, remaining_seconds: left, epoch, epochs }) => [
    epochs && phase === "training" ? ["Epoch", `${epoch} of ${epochs}`] : null,
    total ? [
      epochs || ["words", "views"].includes(phase) ? "Pictures seen" : "Pictures",
      `${count(done)} of ${count(total)}`,
    ] : null,
    speed !== null ? ["Speed", `${pace(speed)} pictures/s`] : null,
    left !== null ? ["Time left", duration(left)] : null,
  ].filter(Boolean);

  const progressPart = () => {
    const title = make("h3", {});
    const bar = meter("Progress of this step");
    const facts = make("dl", { class: "facts job-facts" });
    const show = (job) => {
      const { progress } = job;
      title.textContent = job.stopping ? "Stopping …"
        : progress ? PHASES[progress.phase] ?? sentence(progress.phase) : "Starting …";
      const share = progress?.total ? Math.min(1, progress.done / progress.total) : null;
      const shown = progress ? figures(progress) : [];
      bar.show(share, shown.map((fact) => fact.join(": ")).join(", ") || title.textContent);
      facts.replaceChildren(...shown.map(([name, value]) =>
        make("div", {}, make("dt", {}, name), make("dd", {}, value))));
    };
    return { root: make("section", { class: "panel job-progress" }, title, bar.root, facts), show };
  };

  // Losses while training goes on: the training's at any point of an epoch, the validation's at the
  // ends of epochs.
  const SERIES = ["training", "validation"];
  const drawCurves = (curves, epochs, width) => {
    const all = curves.flat();
    const ySpan = span(all.map(({ loss }) => loss));
    const last = Math.max(epochs, ...all.map(({ epoch }) => epoch));
    const [height, left, bottom] = [220, 54, 36];
    const x = scale([0, last || 1], left + 6, width - 14);
    const y = scale(ySpan, height - bottom, 10);
    const words = curves.map((points, index) => points.length && `${SERIES[index]} from ${
      significant(points[0].loss)} to ${significant(points.at(-1).loss)}`);
    return svg("svg",
      { viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
        "aria-label": `Loss: ${words.filter(Boolean).join("; ")}` },
      axes({ width, height, left, bottom, x, y, xTitle: "epoch", format: significant,
        xs: ticks(0, last, Math.max(2, Math.floor(width / 70))), ys: ticks(...ySpan) }),
      curves.map((points, style) => [
        svg("path", { class: `line s${style}`, d: points.map(({ epoch, loss }, index) =>
          `${index ? "L" : "M"}${x(epoch).toFixed(1)} ${y(loss).toFixed(1)}`).join("") }),
        points.length > 40 && style === 0 || points.length > 80 ? []
          : points.slice(style ? 0 : -1).map(({ epoch, loss }) => mark(style, x(epoch), y(loss))),
      ]));
  };

  const curvePart = () => {
    const place = make("div", {});
    const root = make("section", { class: "panel", hidden: "" },
      make("h3", {}, "Loss"),
      make("p", { class: "field-hint" }, "How far reconstructions are from their originals: lower "
        + "is better. The validation’s pictures are not trained on."),
      place);
    let drawn = "";
    const show = (job) => {
      const curves = [job.losses, job.validation_losses];
      const key = JSON.stringify(curves);
      if (key === drawn || !curves.flat().length) return;
      drawn = key;
      root.hidden = false;
      const epochs = job.over ? 0 : job.request.model?.epochs ?? 0;
      // Of a long training what was done fills the width; of a short one one sees what is left.
      const shown = epochs > 4 * Math.max(...curves.flat().map(({ epoch }) => epoch)) ? 0 : epochs;
      place.replaceChildren(legend(SERIES), fitted((width) => drawCurves(curves, shown, width)));
    };
    return { root, show };
  };

  const SHEET_EVERY = 4;
  const sheetPart = () => {
    const image = make("img", {
      alt: "Pictures in the upper row, what the network makes of them in the lower row",
      decoding: "async",
    });
    const root = make("section", { class: "panel learned", hidden: "" },
      make("h3", {}, "What it has learned to draw"),
      make("p", { class: "field-hint" }, "Above, pictures; below, what the network draws from their "
        + "numbers. It is grey at first and may stay vague. A search compares the numbers and "
        + "draws nothing, so that this says little of what it will find."),
      scrolling("Reconstructions", image));
    let looks = 0;
    let last = false;
    const show = (job) => {
      if (!job.reconstructions || last) return;
      last = job.over || job.state === "indexing";
      looks += 1;
      if (!last && looks % SHEET_EVERY !== 1) return;
      // Shown when it is there, so that nothing flickers.
      const next = new Image();
      next.addEventListener("load", () => {
        image.src = next.src;
        root.hidden = false;
      });
      next.src = `api/jobs/${job.id}/reconstructions?t=${Date.now()}`;
    };
    return { root, show };
  };

  const logPart = () => {
    const text = make("pre", {
      class: "log", tabindex: "0", role: "region", "aria-label": "Log",
    });
    const copy = copyButton(() => text.textContent, "Copy the log");
    const root = make("section", { class: "panel", hidden: "" },
      make("div", { class: "log-head" }, make("h3", {}, "Log"), copy), text);
    const show = ({ log }) => {
      const now = log.join("\n");
      if (now === text.textContent) return;
      root.hidden = false;
      const atEnd = text.scrollHeight - text.scrollTop - text.clientHeight < 24;
      text.textContent = now;
      if (atEnd) text.scrollTop = text.scrollHeight;
    };
    return { root, show };
  };

  // A button that asks once.
  const stopPart = (id, changed) => {
    const root = make("div", { class: "stop" });
    const problem = make("p", { class: "field-problem", role: "alert" });
    const button = (text, kind, act) => {
      const made = make("button", { type: "button", class: `button ${kind}` }, text);
      made.addEventListener("click", act);
      return made;
    };
    const stop = button("Stop", "", () => {
      const yes = button("Stop it", "danger", send);
      root.replaceChildren(make("span", { id: "stop-question" }, "Stop this work?"), yes,
        button("Keep going", "", () => {
          root.replaceChildren(stop, problem);
          root.removeAttribute("role");
          root.removeAttribute("aria-labelledby");
          stop.focus();
        }), problem);
      root.setAttribute("role", "group");
      root.setAttribute("aria-labelledby", "stop-question");
      yes.focus();
    });
    const send = async () => {
      try {
        await api(`jobs/${id}/stop`, { method: "POST" });
        root.closest(".job").querySelector("h2").focus();
        changed();
      } catch (error) {
        problem.textContent = sentence(error.message);
      }
    };
    root.append(stop, problem);
    return { root, show: (job) => { root.hidden = job.over || job.stopping; } };
  };

  const endPart = () => {
    const root = make("section", { class: "panel ending", hidden: "" });
    const link = (view, text, kind, dataset) => make("a",
      { class: `button ${kind}`, href: `#/${view}?dataset=${dataset}` }, `${text} ${dataset}`);
    const show = (job) => {
      if (!job.over || !root.hidden) return;
      root.hidden = false;
      root.classList.add(job.state);
      const ready = job.state === "done";
      const took = job.ended_at && job.started_at
        ? ` It took ${duration((new Date(job.ended_at) - new Date(job.started_at)) / 1000)}.` : "";
      const there = (name) => views.some((view) => view.name === name);
      root.append(
        make("span", { class: "ending-icon" },
          icon(ready ? "check" : job.state === "failed" ? "alert" : "close")),
        make("div", {},
          make("h3", {}, ready ? "Ready" : STATES[job.state]),
          make("p", {}, ready ? `${job.message}${took}` : sentence(job.message || "It is over."))),
        make("div", { class: "buttons" }, ready
          ? [link("search", "Search in", "main", job.dataset),
            there("browse") ? link("browse", "Browse", "", job.dataset) : ""]
          : make("a", { class: "button", href: "#/build" }, "To the form")));
    };
    return { root, show };
  };

  // The view of job `id`; `show(job)` brings it up to date, in place.
  const buildJob = (id, changed) => {
    const title = make("h2", { tabindex: "-1" });
    const about = make("p", {});
    const news = make("p", { class: "visually-hidden", role: "status" });
    const steps = make("ol", { class: "steps", "aria-label": "Steps" });
    const [stop, progress, ending] = [stopPart(id, changed), progressPart(), endPart()];
    const [curve, sheet, log] = [curvePart(), sheetPart(), logPart()];
    const parts = [stop, progress, ending, curve, sheet, log];
    let told = "";
    const show = (job) => {
      title.textContent = job.dataset;
      about.textContent = asked(job);
      const words = job.over ? job.message : job.stopping ? "Stopping" : STATES[job.state];
      if (words !== told) news.textContent = `${job.dataset}: ${words}`;
      told = words;
      if (steps.dataset.state !== job.state) drawSteps(job, steps);
      steps.dataset.state = job.state;
      parts.forEach((part) => part.show(job));
      progress.root.hidden = job.over;
    };
    const root = make("div", { class: "job" },
      make("header", { class: "view-head" },
        make("div", {}, make("a", { class: "to-all", href: "#/build" }, icon("back"), "Latest work"),
          title, about),
        make("span", { class: "spacer" }), stop.root),
      news, steps, progress.root, ending.root,
      make("div", { class: "job-pictures" }, curve.root, sheet.root), log.root);
    return { root, show };
  };

  return { buildJob, jobParts: { asked, stateSign, when } };
})());
