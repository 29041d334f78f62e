const { element: make, icon, picture, ask, busy, onAsk, onPreview } = similarity;
const MAX_MEGABYTES = 50;
const root = element.querySelector(".drawn");

const input = make("input", {
  type: "file", accept: "image/*,.heic,.heif,.hif,.avif", tabindex: "-1",
  class: "visually-hidden", "aria-label": "Picture file",
});
const box = make("button", { type: "button", class: "query-box" });
const problem = make("p", { class: "query-problem", role: "alert" });
root.append(input, box, problem);

const draw = (query) => {
  box.classList.toggle("filled", Boolean(query));
  box.setAttribute("aria-label", query
    ? `Query image: ${query.name}. Choose another picture`
    : "Choose a picture to search from");
  box.replaceChildren(
    icon("upload"), // hidden by the picture, unless the browser cannot show it
    query ? picture(query.thumb, "") : "",
    make("span", { class: "query-hint" },
      make("b", {}, query ? "Another picture" : "Drop a picture here"),
      make("span", {}, query ? "drop, paste or click" : "paste one, or click to choose")),
  );
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
    const { path } = await upload(file);
    ask({ name: file.name || "Pasted picture", thumb: URL.createObjectURL(file), path });
  } catch {
    busy(false);
    problem.textContent = "The picture did not reach the server. Try again.";
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

onAsk((query) => {
  problem.textContent = "";
  draw(query);
  busy(true);
  const { path, name, dataset, id } = query;
  props.value = path ? { path, name } : { dataset, id };
  trigger("submit");
});
onPreview(draw);
draw(null);
