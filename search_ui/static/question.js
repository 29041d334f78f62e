// The question that the search view is at. It is the view's address, so that every search can be
// shared and the browser's back button walks the questions; and it is what the server is asked.
Object.assign(window.similarity, (() => {
  const { element, picture, route, go, view, chosen, busy, api } = window.similarity;
  const ONE = ["dataset", "id", "upload", "crop", "k", "min_side"];
  const MANY = ["pooling", "distance", "label", "format"];
  const FILTERS = ["label", "format", "min_side"];
  const LONGEST_TRAIL = 8;
  const REFUSED = { state: "error", title: "The search did not go through", again: true };
  const SILENCE = {
    state: "error", title: "The server does not answer", again: true,
    message: "It may have stopped, or the connection is gone.",
  };
  const listeners = [];
  const answerListeners = [];
  // The questions so far, the current one last, one for each picture or part of a picture.
  const trail = [];
  // What is known of pictures: {name, thumb, label, original}.
  const pictures = new Map();
  let current = null;
  let shown = null;
  let searching = false;
  // The current question's, once it is there: it may be before there is anything to show it.
  let latest = null;

  const read = (params) => {
    const question = {};
    for (const name of ONE) if (params.get(name)) question[name] = params.get(name);
    for (const name of MANY) if (params.has(name)) question[name] = params.getAll(name);
    return question;
  };
  const write = (question) => {
    const params = new URLSearchParams();
    for (const name of [...ONE, ...MANY]) {
      for (const value of [question[name] ?? []].flat()) params.append(name, value);
    }
    return params;
  };

  const hasPicture = (question) => Boolean(question?.id || question?.upload);
  const keyOf = ({ dataset, id, upload }) => upload ?? `${dataset}/${id}`;
  const same = (a, b) => keyOf(a) === keyOf(b) && a.crop === b.crop;
  const pictureOf = (question) => pictures.get(keyOf(question)) ?? {};
  const remember = (question, known) =>
    pictures.set(keyOf(question), { ...pictureOf(question), ...known });

  // Asks: what is not said stays as it is. Another picture is a whole one, unless `crop` is said.
  const ask = (changes, known = null, options = {}) => {
    const base = route().view === "search" ? { ...current } : {};
    if ("id" in changes || "upload" in changes) {
      for (const name of ["id", "upload", "crop"]) delete base[name];
    }
    const question = { dataset: chosen()?.name, ...base, ...changes };
    if (known) remember(question, known);
    go("search", write(question), options);
  };
  const back = (index) => {
    const { dataset, id, upload, crop } = trail[index];
    ask({ dataset, id, upload, crop });
  };

  // A picture of the dataset to start from, as `datasets/.../sample` tells it.
  const pick = ({ id, name, label, thumb }, dataset) => {
    const words = label ? `${label}, ${name}` : name;
    const button = element("button", {
      type: "button", class: "pick", "data-id": id, title: words,
      "aria-label": `Search from ${words}`,
    }, picture(thumb, "", { loading: "lazy" }));
    button.addEventListener("click", () => ask({ dataset, id }, { name, label, thumb }));
    return button;
  };

  const walk = (question) => {
    if (trail.at(-1)?.failed) trail.pop();
    const before = trail.findIndex((step) => same(step, question));
    if (before >= 0) trail.length = before;
    trail.push({ ...question });
    if (trail.length > LONGEST_TRAIL) trail.shift();
  };

  // Without a dataset there is nothing to ask, and nothing is drawn before the list is there.
  const show = (params) => {
    const question = { dataset: chosen()?.name, ...read(params) };
    const state = JSON.stringify([question, chosen()?.synced_at]);
    if (state === shown) return;
    shown = state;
    current = question;
    if (hasPicture(question)) walk(question);
    tell();
  };
  const tell = () => {
    latest = null;
    if (hasPicture(current)) search();
    else busy(false);
    listeners.forEach((listener) => listener(current));
  };

  // One search at a time. Of the questions that come meanwhile only the last is of interest.
  const search = async () => {
    busy(true);
    if (searching) return;
    searching = true;
    let asked, board;
    do {
      asked = current;
      board = await answerTo(asked);
    } while (asked !== current && hasPicture(current));
    searching = false;
    if (asked === current) answer(board);
  };

  // The server is sent the question, and whether it should send the picture along.
  const answerTo = (question) => {
    const preview = Boolean(question.upload) && !pictureOf(question).thumb;
    return api("board", {
      method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...question, preview }),
    }).catch(({ status, message }) => status ? { ...REFUSED, message } : SILENCE);
  };

  const answer = (board) => {
    busy(false);
    latest = board;
    trail.at(-1).failed = board.state !== "results";
    if (board.query) {
      const { title, thumb, label, original } = board.query;
      const known = { name: title, label, original };
      remember(current, thumb ? { ...known, thumb } : known);
    }
    answerListeners.forEach((listener) => listener(board));
  };

  const keep = ({ vector_sizes: sizes, distances }) => {
    const { k, upload, crop, pooling = [], distance = [] } = current ?? {};
    return write({
      k, upload, crop: upload && crop,
      pooling: pooling.filter((name) => name in sizes),
      distance: distance.filter((name) => distances.includes(name)),
    });
  };

  const onQuestion = (listener) => {
    listeners.push(listener);
    if (current) listener(current);
  };
  const onAnswer = (listener) => {
    answerListeners.push(listener);
    if (latest) listener(latest);
  };

  view("search", show, { keep });
  return {
    FILTERS, ask, back, pick, again: tell, trail, hasPicture, pictureOf,
    question: () => current, onQuestion, onAnswer,
  };
})());
