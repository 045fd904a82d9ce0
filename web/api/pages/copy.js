// A button beside each example copies it.
"use strict";
for (const example of document.querySelectorAll("pre")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(example.querySelector("code").textContent);
      button.textContent = "Copied";
    } catch {
      // Without TLS browsers give no clipboard: at least mark it.
      getSelection().selectAllChildren(example.querySelector("code"));
      button.textContent = "Marked: press Ctrl+C";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  example.before(button);
}
