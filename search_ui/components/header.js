const { element: make, views, route, onRoute, onSign, chosen, choose, onDatasets } = similarity;
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

const links = views.map(({ name, title }) =>
  make("a", { href: `#/${name}` }, title, make("span", { class: "tab-sign", hidden: "" })));
tabs.append(...links);
onRoute(() => {
  for (const [index, { name }] of views.entries()) {
    const current = name === route().view;
    links[index].toggleAttribute("aria-current", current);
    if (!current) continue;
    links[index].setAttribute("aria-current", "page");
    // On a phone the tabs scroll; never the page with them.
    tabs.scrollTo({ left: links[index].offsetLeft - tabs.offsetLeft - 16 });
  }
  select.value = chosen()?.name ?? "";
});

onSign((name, text) => {
  const sign = links[views.findIndex((view) => view.name === name)].lastChild;
  sign.hidden = !text;
  sign.replaceChildren(make("span", { class: "visually-hidden" }, text ? `, ${text}` : ""));
  sign.title = text;
});

// One dataset is no choice.
onDatasets((datasets) => {
  choice.hidden = datasets.length < 2;
  select.replaceChildren(...datasets.map(({ name }) => make("option", { value: name }, name)));
  select.value = chosen()?.name ?? "";
});
select.addEventListener("change", () => choose(select.value));
