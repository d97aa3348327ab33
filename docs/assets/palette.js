// Sets the colour scheme before the page is painted: the reader's choice, else the system's. Runs inside the header.
"use strict";

{
  const automatic = "(prefers-color-scheme)";
  const color = { ...(window.__md_get("__palette")?.color ?? { media: automatic }) };
  if (color.media === automatic) {
    const scheme = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
    const option = document.querySelector(`[data-md-color-media="(prefers-color-scheme: ${scheme})"]`);
    for (const key of ["media", "scheme", "primary", "accent"]) {
      color[key] = option.getAttribute(`data-md-color-${key}`);
    }
  }
  for (const [key, value] of Object.entries(color)) {
    document.body.setAttribute(`data-md-color-${key}`, value);
  }
}
