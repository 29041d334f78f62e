const { element: make, picture, api, chosen, ask, onQuestion } = similarity;
const PICKS = 10;
const root = element.querySelector(".drawn");
let drawn = null;

const mark = (question) => {
  for (const button of root.querySelectorAll(".pick")) {
    button.setAttribute("aria-pressed", String(button.dataset.id === question.id));
  }
};

const draw = async (dataset) => {
  const images = await api(`datasets/${encodeURIComponent(dataset.name)}/sample?count=${PICKS}`);
  if (drawn !== dataset) return;
  root.replaceChildren(
    make("h2", { class: "side-title", id: "picks-title" },
      "Or start from ", make("b", {}, dataset.name),
      make("span", { class: "count" }, `${dataset.images.toLocaleString("en")} images`)),
    make("div", { class: "picks", role: "group", "aria-labelledby": "picks-title" },
      images.map((image) => similarity.pick(image, dataset.name))),
  );
  mark(similarity.question());
};

onQuestion((question) => {
  mark(question);
  const dataset = chosen();
  if (dataset === drawn) return;
  drawn = dataset;
  root.replaceChildren();
  // Where they cannot be read, the board tells why.
  if (dataset) draw(dataset).catch(() => {});
});
