const { element: make, views, route, onRoute, chosen, choose, onDatasets } = similarity;
const tabs = element.querySelector(".tabs");
const choice = element.querySelector(".dataset-choice");
const select = choice.querySelector("select");
const settingsSwitch = element.querySelector(".settings-switch");
const themeSwitch = element.querySelector(".theme-switch");
const CHOSEN_THEME = "image-similarity-theme";

// Only the phone layout folds the settings away.
settingsSwitch.addEventListener("click", () => {
  const open = settingsSwitch.getAttribute("aria-expanded") !== "true";
  settingsSwitch.setAttribute("aria-expanded", String(open));
  document.documentElement.toggleAttribute("data-settings", open);
});

// Gradio reads the theme from the body, the page's own styles from the root.
const showTheme = (theme) => {
  document.documentElement.dataset.theme = theme;
  document.body.classList.toggle("dark", theme === "dark");
};
showTheme(document.documentElement.dataset.theme);
themeSwitch.addEventListener("click", () => {
  const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  showTheme(theme);
  localStorage.setItem(CHOSEN_THEME, theme);
});

const links = views.map(({ name, title }) => make("a", { href: `#/${name}` }, title));
tabs.append(...links);
// A tab leads back to where its view was left, if that was of the same dataset.
const left = new Map();
const addressOf = (name) => {
  const dataset = left.get(name)?.params.get("dataset");
  return dataset && dataset === chosen()?.name ? left.get(name).hash : `#/${name}`;
};
onRoute(() => {
  const { view: now, params } = route();
  for (const [index, { name }] of views.entries()) {
    const current = name === now;
    links[index].setAttribute("href", current ? `#/${name}` : addressOf(name));
    links[index].toggleAttribute("aria-current", current);
    if (!current) continue;
    links[index].setAttribute("aria-current", "page");
    // On a phone the tabs scroll; never the page with them.
    tabs.scrollTo({ left: links[index].offsetLeft - tabs.offsetLeft - 16 });
  }
  left.set(now, { params, hash: location.hash });
});

// One dataset is no choice.
onDatasets((datasets) => {
  choice.hidden = datasets.length < 2;
  select.replaceChildren(...datasets.map(({ name }) => make("option", { value: name }, name)));
  select.value = chosen()?.name ?? "";
});
select.addEventListener("change", () => choose(select.value));
