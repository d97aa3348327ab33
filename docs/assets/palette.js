// Sets the colour scheme before the page is painted: the reader's choice, else the system's. Runs inside the header.
"use strict";

{
  const buttons = [...document.querySelectorAll(".palette button")]; // as the system, light, dark
  const light = matchMedia("(prefers-color-scheme: light)");

  function show() {
    const media = __md_get("__palette")?.color?.media;
    const chosen = Math.max(0, buttons.findIndex((button) => button.dataset.media === media));
    buttons.forEach((button, i) => (button.hidden = i !== chosen));
    const { scheme } = buttons[chosen || (light.matches ? 1 : 2)].dataset;
    if (document.body.dataset.mdColorScheme !== scheme) {
      document.body.dataset.mdColorScheme = scheme;
    }
  }

  buttons.forEach((button, i) =>
    button.addEventListener("click", () => {
      const next = buttons[(i + 1) % buttons.length];
      __md_set("__palette", { color: { media: next.dataset.media } });
      show();
      next.focus();
    }),
  );
  light.addEventListener("change", show);
  show();
}
