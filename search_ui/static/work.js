// Work that the server does in the background: started here, followed until it ends, also after
// the page was loaded again.
Object.assign(window.similarity, (() => {
  const { element: make, api, refreshDatasets } = window.similarity;
  const EVERY = 1000;
  // How work ended, by kind and dataset: the view is drawn anew then, and still has to say it.
  const outcomes = new Map();
  const listeners = [];

  const wait = () => new Promise((resolve) => { setTimeout(resolve, EVERY); });

  // Calls show(job) until the job is over or what shows it has left the page; resolves to the job.
  const follow = async (job, show, root) => {
    let now = job;
    for (;;) {
      show(now);
      if (now.over) return now;
      await wait();
      if (!root.isConnected) return null;
      now = await api(`jobs/${now.id}`).catch(() => now);
    }
  };

  // Is such work on its way already?
  const running = async (kind, dataset) => {
    const { jobs } = await api("jobs").catch(() => ({ jobs: [] }));
    return jobs.find((job) => !job.over && job.request.kind === kind && job.dataset === dataset);
  };

  const tell = (job, doing, outcome) => {
    if (job.state === "done") return outcome(job.log ?? []);
    if (job.over) return job.message || "It did not work.";
    return job.state === "waiting" ? "Starting …" : doing;
  };

  // A button that starts work of a kind, and a line beside it on how it goes. `path` takes the
  // request, `body()` gives what goes with it, `outcome(log)` says what came of it.
  const worker = ({ kind, dataset, title, doing, path, body, outcome = () => "Done." }) => {
    const key = `${kind} ${dataset}`;
    const button = make("button", { type: "button", class: "button main" }, title);
    const line = make("p", { class: "work-line", role: "status" }, outcomes.get(key) ?? "");
    outcomes.delete(key);
    const root = make("div", { class: "work" }, button, line);
    const show = (job) => {
      button.disabled = !job.over;
      root.classList.toggle("working", !job.over);
      root.classList.toggle("failed", job.over && job.state !== "done");
      line.textContent = tell(job, doing, outcome);
    };
    const attend = async (job) => {
      const ended = await follow(job, show, root);
      if (ended?.state !== "done") return;
      outcomes.set(key, line.textContent);
      await refreshDatasets();
    };
    button.addEventListener("click", async () => {
      button.disabled = true;
      root.classList.remove("failed");
      line.textContent = "Starting …";
      try {
        const content = body ? JSON.stringify(body()) : "{}";
        const headers = { "Content-Type": "application/json" };
        const job = await api(path, { method: "POST", headers, body: content });
        listeners.forEach((listener) => listener());
        await attend(job);
      } catch (error) {
        show({ over: true, state: "failed", message: error.message });
      }
    });
    running(kind, dataset).then((job) => job && attend(job));
    return root;
  };

  // Calls listener() when work was started.
  const onWork = (listener) => listeners.push(listener);

  return { worker, onWork };
})());
