const { command, view, chosen } = similarity;
const lines = element.querySelectorAll(".lines");
// Such as "http://127.0.0.1:7860", with the path that a proxy may put before.
const address = new URL(".", document.baseURI).href.replace(/\/$/, "");
const templates = [...lines].map((group) =>
  [...group.querySelectorAll("code")].map(({ textContent }) => textContent.trim()));

// The examples name the dataset that is looked at, so that they run as they stand.
view("help", () => {
  const dataset = chosen()?.name ?? "DATASET";
  for (const [index, group] of lines.entries()) {
    group.replaceChildren(...templates[index].map((text) =>
      command(text.replace("ADDRESS", address).replace("DATASET", dataset))));
  }
});
