// Exercises: a hint shows when the one before it was opened, and the solution after the last hint. Without JavaScript,
// and on paper, all of them are there, folded.

"use strict";

const steps = document.querySelectorAll("details + details");

for (const step of steps) {
  step.hidden = true;
  step.previousElementSibling.addEventListener("toggle", () => (step.hidden = false), { once: true });
}

addEventListener("beforeprint", () => steps.forEach((step) => (step.hidden = false)));
