const { element: make, picture, ask, onAsk } = similarity;
const root = element.querySelector(".drawn");

const mark = (query) => {
  for (const button of root.querySelectorAll(".pick")) {
    button.setAttribute("aria-pressed", String(button.dataset.id === query?.id));
  }
};

const pick = (image, dataset) => {
  const name = image.label ? `${image.label}, ${image.title}` : image.title;
  const button = make(
    "button",
    {
      type: "button", class: "pick", "data-id": image.id,
      title: name, "aria-label": `Search from ${name}`,
    },
    picture(image.thumb, ""),
  );
  button.addEventListener("click", () =>
    ask({ name: image.title, thumb: image.thumb, dataset, id: image.id }));
  return button;
};

const draw = () => {
  const { picks = [], dataset, images } = props.value ?? {};
  root.replaceChildren();
  if (!picks.length) return;
  root.append(
    make("h2", { class: "side-title", id: "picks-title" },
      "Or start from ", make("b", {}, dataset),
      make("span", { class: "count" }, `${images} images`)),
    make("div", { class: "picks", role: "group", "aria-labelledby": "picks-title" },
      picks.map((image) => pick(image, dataset))),
  );
  mark(similarity.current());
};

onAsk(mark);
watch("value", draw);
draw();
