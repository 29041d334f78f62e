const {
  element: make, notice, api, go, route, view, sentence, buildForm, buildJob, jobParts,
} = similarity;
const root = element.querySelector(".drawn");
const EVERY = 1000;
const LIST_EVERY = 3000;
const seen = () => route().view === "build" && !document.hidden;

let form = null;
let shownJob = null;
let begun = null; // the job that was just started here: whoever works by keyboard goes on from it
let list = { running: null, jobs: null };

const off = () => notice("layers", "Building is switched off here",
  "Whoever runs this server lets nobody build datasets from the page. On the server’s own " +
  "machine two commands do it:", similarity.firstCommands());

const failed = (error, again) => {
  const button = make("button", { type: "button", class: "button" }, "Try again");
  button.addEventListener("click", again);
  return notice("alert", "That did not work", sentence(error.message), button);
};

// The list of jobs, looked at while one runs and whenever somebody comes back to the page: the sign
// in the tab, and a dataset that is complete, are news in every view.
let timer = null;
const look = async () => {
  clearTimeout(timer);
  let found;
  try {
    found = await api("jobs");
  } catch (error) {
    if (error.status !== 404) timer = setTimeout(look, 10 * LIST_EVERY);
    return;
  }
  // Other work is followed by the view that starts it, which reads the list when it is done.
  const built = (jobs) => jobs.filter(({ state, request }) => state === "done" && !request.kind)
    .map(({ id }) => id);
  const before = list.jobs && built(list.jobs);
  const fresh = before && built(found.jobs).some((id) => !before.includes(id));
  list = found;
  similarity.sign("build", list.running ? "work is running" : "");
  drawList();
  if (fresh) similarity.refreshDatasets();
  clearTimeout(timer);
  if (list.running && !document.hidden) timer = setTimeout(look, LIST_EVERY);
};

const earlier = make("section", { class: "panel earlier" });
const item = (job) => make("li", {},
  make("a", { href: `#/build?job=${job.id}` },
    make("span", { class: "job-line" }, make("b", {}, job.dataset), jobParts.stateSign(job)),
    make("span", { class: "job-about" }, jobParts.asked(job)),
    job.over && job.state !== "done" ? make("span", { class: "job-about" }, job.message) : "",
    make("span", { class: "job-when" }, jobParts.when(job.created_at))));

function drawList() {
  const jobs = list.jobs ?? [];
  const focused = earlier.contains(document.activeElement) && document.activeElement.hash;
  earlier.replaceChildren(make("h3", {}, "Latest work"), jobs.length
    ? make("ol", {}, jobs.map(item))
    : make("p", { class: "quiet" }, "Nothing yet. What is built here is listed with how it went, " +
      "and goes on when this page is closed."));
  if (focused) earlier.querySelector(`a[href="${focused}"]`)?.focus();
  const running = jobs.find(({ id }) => id === list.running);
  form?.wait(running ? [`Only one runs at a time, and “${running.dataset}” does now. `,
    make("a", { href: `#/build?job=${running.id}` }, "See how far it is")] : null);
}

const page = (body, ...more) => root.replaceChildren(
  make("header", { class: "view-head" },
    make("div", {},
      make("h2", { tabindex: "-1" }, "Build a dataset"),
      make("p", {}, "From pictures to something you can search in. They stay on this server."))),
  make("div", { class: "build-columns" }, body, more));

const showForm = async () => {
  shownJob = null;
  if (form) page(form.root, earlier);
  let options;
  try {
    options = await api("build");
  } catch (error) {
    if (route().view !== "build" || route().params.get("job")) return;
    root.replaceChildren(error.status === 404 ? off() : failed(error, showForm));
    return;
  }
  if (route().params.get("job")) return;
  if (!options.allowed) {
    root.replaceChildren(off(), earlier);
  } else {
    form ??= buildForm(options, {
      datasets: similarity.chosen() !== null,
      started: (job) => {
        begun = job.id;
        go("build", { job: job.id });
        look();
      },
    });
    if (!root.contains(form.root)) page(form.root, earlier);
  }
  look();
};

// Follows a job while it is in view and not over.
let following = null;
const follow = async (shown) => {
  clearTimeout(following);
  if (shown !== shownJob || !seen()) return;
  try {
    const job = await api(`jobs/${shown.id}`);
    if (shown !== shownJob) return;
    if (!root.contains(shown.root)) root.replaceChildren(shown.root);
    shown.show(job);
    if (shown.id === begun) shown.root.querySelector("h2").focus();
    begun = null;
    if (job.over && !shown.over) look();
    shown.over = job.over;
  } catch (error) {
    if (shown !== shownJob) return;
    // A server that is restarted: the job goes on without it.
    if (!root.contains(shown.root) || error.status === 404) {
      shownJob = null;
      root.replaceChildren(error.status === 404
        ? notice("layers", "There is no such job",
          "The last ten are kept; this one may have been older.",
          make("a", { class: "button", href: "#/build" }, "To the latest"))
        : failed(error, () => showJob(shown.id)));
      return;
    }
  }
  clearTimeout(following);
  if (!shown.over) following = setTimeout(() => follow(shown), EVERY);
};

const showJob = (id) => {
  if (shownJob?.id !== id) {
    const shown = { id, over: false };
    const part = buildJob(id, () => follow(shown));
    shownJob = Object.assign(shown, part);
    root.replaceChildren(make("p", { class: "quiet", role: "status" }, "Loading …"));
  }
  if (!shownJob.over) follow(shownJob);
};

view("build", (params) => {
  const id = params.get("job");
  if (id && /^[0-9a-f-]{24}$/.test(id)) showJob(id);
  else showForm();
}, { keep: () => (shownJob ? { job: shownJob.id } : {}) });

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  look();
  if (shownJob && !shownJob.over) follow(shownJob);
});
similarity.onWork(look);
look();

// In this view a dropped file is an archive to build of, wherever on the page it falls; in the
// others it is a picture to search with.
const droppable = (event) =>
  route().view === "build" && [...event.dataTransfer.types].includes("Files");
window.addEventListener("dragover", (event) => {
  if (!droppable(event)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  document.documentElement.toggleAttribute("data-dragging", Boolean(form && !shownJob));
}, true);
window.addEventListener("drop", (event) => {
  if (!droppable(event)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  document.documentElement.removeAttribute("data-dragging");
  if (form && !shownJob && event.dataTransfer.files[0]) form.take(event.dataTransfer.files[0]);
}, true);
