// A picture from the camera, where the browser gives one: on https and on localhost.
Object.assign(window.similarity, (() => {
  const { element: make, icon, dialog } = window.similarity;

  const hasCamera = () => Boolean(navigator.mediaDevices?.getUserMedia);

  // Calls `take` with a file. The camera is on only while the dialog is open.
  const camera = async (take) => {
    const video = make("video", { playsinline: "", class: "camera-view" });
    video.muted = true;
    const shoot = make("button", { type: "button", class: "button main", disabled: "" },
      icon("camera"), "Take picture");
    const problem = make("p", { class: "dialog-hint", role: "alert" });
    const shown = dialog("camera", "Take a picture", video, problem,
      make("div", { class: "dialog-foot" }, shoot));
    let stream = null;
    const stop = () => stream?.getTracks().forEach((track) => track.stop());
    shown.addEventListener("close", stop);
    shoot.addEventListener("click", () => {
      const canvas = make("canvas", { width: video.videoWidth, height: video.videoHeight });
      canvas.getContext("2d").drawImage(video, 0, 0);
      canvas.toBlob((blob) => {
        shown.close();
        take(new File([blob], "camera.jpg", { type: "image/jpeg" }));
      }, "image/jpeg", 0.92);
    });
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: "environment", width: { ideal: 1280 } },
      });
      // Closed while the visitor was being asked.
      if (!shown.open) return stop();
      video.srcObject = stream;
      await video.play();
      shoot.disabled = false;
      shoot.focus();
    } catch {
      video.hidden = true;
      problem.textContent = "The camera cannot be used: it is switched off, in use, or not allowed.";
    }
  };

  return { hasCamera, camera };
})());
