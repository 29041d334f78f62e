const {
  element: make, icon, picture, ask, request, busy, hasPicture, pictureOf, onQuestion, onAnswer,
} = similarity;
const MAX_MEGABYTES = 50;
const root = element.querySelector(".drawn");

const input = make("input", {
  type: "file", accept: "image/*,.heic,.heif,.hif,.avif", tabindex: "-1",
  class: "visually-hidden", "aria-label": "Picture file",
});
const box = make("button", { type: "button", class: "query-box" });
const tools = make("div", { class: "query-tools" });
const problem = make("p", { class: "query-problem", role: "alert" });
root.append(input, box, tools, problem);

const tool = (symbol, text, act) => {
  const button = make("button", { type: "button", class: "tool" }, icon(symbol), text);
  button.addEventListener("click", act);
  return button;
};

const draw = (question) => {
  const asked = hasPicture(question);
  const { name, thumb } = asked ? pictureOf(question) : {};
  box.classList.toggle("filled", asked);
  box.replaceChildren(
    icon("upload"), // hidden by the picture, unless the browser cannot show it
    thumb ? make("span", { class: "query-picture" },
      make("span", {}, picture(thumb, `Query image: ${name ?? "your picture"}`),
        similarity.cropFrame(question.crop))) : "",
    make("span", { class: "query-hint" },
      make("b", {}, asked ? "Another picture" : "Drop a picture here"),
      make("span", {}, asked ? "drop, paste or click" : "paste one, or click to choose")),
  );
  tools.replaceChildren(...[
    thumb ? tool("crop", "Search with a part", () => similarity.crop(question)) : null,
    similarity.hasCamera() ? tool("camera", "Take a picture", () => similarity.camera(uploadAndAsk))
      : null,
  ].filter(Boolean));
};

// Gives where the server keeps it. Not through Gradio's own upload(), which keeps the server's reason
// for a refusal to itself.
const send = async (file) => {
  const body = new FormData();
  body.append("files", file);
  const [path] = await request("gradio_api/upload", { method: "POST", body });
  // The folder that uploads go to is the server's affair.
  return path.split(/[\\/]/).slice(-2).join("/");
};

const uploadAndAsk = async (file) => {
  problem.textContent = "";
  if (file.size > MAX_MEGABYTES * 1024 * 1024) {
    problem.textContent = `That file is larger than ${MAX_MEGABYTES} MB.`;
    return;
  }
  busy(true);
  box.classList.add("sending");
  try {
    const place = await send(file);
    ask({ upload: place }, { name: file.name, thumb: URL.createObjectURL(file) });
  } catch (error) {
    busy(false);
    problem.textContent = error.message;
  } finally {
    box.classList.remove("sending");
  }
};

const firstPicture = (files) =>
  [...(files ?? [])].find((file) => file.type.startsWith("image/")) ?? files?.[0];

box.addEventListener("click", () => input.click());
input.addEventListener("change", () => {
  if (input.files[0]) uploadAndAsk(input.files[0]);
  input.value = "";
});

// A picture may be dropped or pasted anywhere on the page.
const dragging = (on) => document.documentElement.toggleAttribute("data-dragging", on);
document.addEventListener("dragover", (event) => {
  if (!event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  dragging(true);
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) dragging(false);
});
document.addEventListener("drop", (event) => {
  dragging(false);
  if (!event.dataTransfer.files.length) return;
  event.preventDefault();
  uploadAndAsk(firstPicture(event.dataTransfer.files));
});
document.addEventListener("paste", (event) => {
  const file = firstPicture(event.clipboardData?.files);
  if (file) uploadAndAsk(file);
});

draw(null);
onQuestion((question) => {
  problem.textContent = "";
  draw(question);
});
onAnswer(() => draw(similarity.question()));
