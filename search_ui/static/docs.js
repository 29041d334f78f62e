// The page api/docs: Swagger UI over our own description, and over nothing else.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const theme = localStorage.getItem("image-similarity-theme") ?? (system.matches ? "dark" : "light");
  root.classList.toggle("dark-mode", theme === "dark");
  root.dataset.theme = theme;

  SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#api",
    presets: [SwaggerUIBundle.presets.apis],
    // There is one server, this one; and a field without a name to choose it by.
    plugins: [{ wrapComponents: { ServersContainer: () => () => null } }],
    // Links inside of buttons, which no screen reader tells apart.
    deepLinking: false,
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    filter: true,
    tryItOutEnabled: true,
    // Its default is a service on another host, and what the address says would go before ours.
    validatorUrl: null,
    queryConfigEnabled: false,
    onComplete: () => { root.dataset.ready = "1"; },
  });
})();
