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
