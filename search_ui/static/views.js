// Which view is shown, which dataset it looks at, and how a view asks the server. An address is
// "#/view?dataset=name&...": it can be shared, and the browser's back button works.
Object.assign(window.similarity, (() => {
  const { views } = window.similarity;
  const names = views.map(({ name }) => name);
  const handlers = new Map();
  const keepers = new Map();
  const routeListeners = [];
  const datasetListeners = [];
  let known = null;
  let choice = null;
  let trouble = null;

  const route = () => {
    const [name, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
    const view = names.includes(name) ? name : names[0];
    return { view, params: new URLSearchParams(query) };
  };

  const address = (view, params) => {
    // Commas and slashes may stand in a fragment as they are.
    const query = new URLSearchParams(params).toString()
      .replaceAll("%2C", ",").replaceAll("%2F", "/");
    return query ? `#/${view}?${query}` : `#/${view}`;
  };

  // Shows a view. Every visit is a step of the browser's history, unless it replaces this one.
  const go = (view, params = {}, { replace = false } = {}) => {
    const to = address(view, params);
    if (to === location.hash) return;
    history[replace ? "replaceState" : "pushState"](null, "", to);
    render();
  };

  // Notes in the address what the view shows, without showing it again.
  const note = (params) => history.replaceState(null, "", address(route().view, params));

  const render = () => {
    const { view, params } = route();
    document.documentElement.dataset.view = view;
    document.title = `${views.find(({ name }) => name === view).title} · Image similarity`;
    follow(params.get("dataset"));
    routeListeners.forEach((listener) => listener());
    if (known) handlers.get(view)?.(params);
  };
  // Not popstate as well: browsers tell of one step by both, and a view would be drawn twice.
  window.addEventListener("hashchange", render);

  // `show(params)` runs whenever the view is visited, its dataset changes, or the list of datasets
  // is new; a view draws itself then, and not before. `keep(dataset)` gives what of its address
  // still holds for another dataset.
  const view = (name, show, { keep = () => ({}) } = {}) => {
    handlers.set(name, show);
    keepers.set(name, keep);
    if (known && route().view === name) show(route().params);
  };

  // Asks the server; throws an Error whose message is one line for the visitor, with the status.
  const request = async (url, options = {}) => {
    let answer;
    try {
      answer = await fetch(url, options);
    } catch {
      throw new Error("The server does not answer. Is it still running?");
    }
    const body = await answer.json().catch(() => ({}));
    if (answer.ok) return body;
    const { detail } = body;
    const told = typeof detail === "string" ? detail : "The server could not do that.";
    throw Object.assign(new Error(told), { status: answer.status });
  };

  const api = (path, options) => request(`api/${path}`, options);

  const chosen = () => choice;
  // Why there is no list of datasets, if there is none.
  const problem = () => trouble;

  const follow = (name) => {
    const named = known?.find((dataset) => dataset.name === name);
    if (named) choice = named;
  };

  const choose = (name) => {
    if (name === choice?.name) return;
    follow(name);
    const params = new URLSearchParams(keepers.get(route().view)?.(choice));
    params.set("dataset", name);
    go(route().view, params);
    datasetListeners.forEach((listener) => listener(known));
  };

  // Reads the list of datasets again, such as when one was built.
  const refreshDatasets = async () => {
    trouble = null;
    known = await api("datasets").catch((error) => {
      trouble = error.message;
      return known ?? [];
    });
    choice = known.find(({ name }) => name === choice?.name) ?? known[0] ?? null;
    render();
    datasetListeners.forEach((listener) => listener(known));
    return known;
  };

  const onDatasets = (listener) => {
    datasetListeners.push(listener);
    if (known) listener(known);
  };
  const onRoute = (listener) => {
    routeListeners.push(listener);
    listener();
  };

  // A sign in the tab of a view: a dot, and `text` for those who do not see it; "" for none.
  const signs = new Map();
  const signListeners = [];
  const sign = (name, text) => {
    if ((signs.get(name) ?? "") === text) return;
    signs.set(name, text);
    signListeners.forEach((listener) => listener(name, text));
  };
  const onSign = (listener) => {
    signListeners.push(listener);
    signs.forEach((text, name) => listener(name, text));
  };

  refreshDatasets();
  return {
    route, address, go, note, view, request, api, chosen, problem, choose, refreshDatasets, onDatasets, onRoute,
    sign, onSign,
  };
})());
