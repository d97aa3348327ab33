// The home page shows how far its reader is: beside each lesson of the path how much of its quiz was answered right,
// and below the heading what is next. It can be taken to another browser as a file. See docs/assets/quiz.js.

"use strict";

const KEPT = { name: "convnets-checked", version: 1 };

const stored = () => __md_get("quiz") ?? {};
const rights = (record) => Object.values(record?.answers ?? {}).filter((answer) => answer.right).length;
const done = (record) => record !== undefined && record.asked > 0 && rights(record) === record.asked;

/** The lessons of the path, in order: list item, link, and where the link leads below the site. */
function lessons() {
  return [...document.querySelectorAll(".md-content ol > li")]
    .map((item) => ({ item, link: item.querySelector('strong > a[href^="lessons/"]') }))
    .filter(({ link }) => link)
    .map(({ item, link }) => ({ item, link, page: pageOfSite(link.href) }));
}

/** Of two records of a page, what was reached in either. */
function merged(one = { asked: 0, answers: {} }, other) {
  const answers = { ...one.answers };
  for (const [id, answer] of Object.entries(other.answers)) {
    if (!answers[id]?.right) {
      answers[id] = answer;
    }
  }
  return { asked: Math.max(one.asked, other.asked), answers };
}

/** The records of a file that was exported here. Raises an Error that says what is wrong with another one. */
function read(text) {
  let data;
  try {
    data = JSON.parse(text);
  } catch {
    throw new Error("it is not JSON");
  }
  if (data?.name !== KEPT.name || data.version !== KEPT.version) {
    throw new Error("it was not exported from this course");
  }
  const sound = ({ asked, answers } = {}) =>
    Number.isInteger(asked) &&
    Object.values(answers ?? [null]).every(
      (answer) => typeof answer?.right === "boolean" && Number.isInteger(answer.tries) && Array.isArray(answer.given),
    );
  const wrong = Object.entries(data.quiz ?? { "": {} }).find(([, record]) => !sound(record ?? undefined));
  if (wrong) {
    throw new Error(`its entry "${wrong[0]}" is damaged`);
  }
  return data.quiz;
}

function mark(path, records) {
  document.querySelectorAll(".path__score, .path__part").forEach((old) => old.remove());
  for (const { item, page } of path) {
    const record = records[page];
    if (rights(record) > 0) {
      const words = done(record) ? " ✓ quiz done" : ` ${rights(record)} of ${record.asked} right`;
      item.append(element("span", { className: "path__score" }, words));
    }
  }
  for (const list of new Set(path.map(({ item }) => item.parentElement))) {
    const inside = path.filter(({ item }) => item.parentElement === list);
    const finished = inside.filter(({ page }) => done(records[page])).length;
    if (inside.some(({ page }) => rights(records[page]) > 0)) {
      list.before(element("p", { className: "path__part" }, `${finished} of ${inside.length} quizzes done`));
    }
  }
}

function summary(path, records) {
  const finished = path.filter(({ page }) => done(records[page])).length;
  const answers = path.reduce((sum, { page }) => sum + rights(records[page]), 0);
  const next = path.find(({ page }) => !done(records[page]));
  if (answers === 0) {
    return ["What you answer in the quizzes is kept in this browser only, and shown here."];
  }
  const words = `${answers} ${answers === 1 ? "question" : "questions"} answered right; ${finished} of ${path.length} quizzes done. `;
  return next ? [words, "Next: ", element("a", { href: next.link.href }, next.link.textContent), "."] : [words];
}

{
  const path = lessons();
  const said = element("span", { role: "status" });
  const words = element("p", {});
  const file = element("input", { type: "file", accept: ".json,application/json", hidden: true });
  const buttons = {
    Export: () => {
      const text = JSON.stringify({ ...KEPT, quiz: stored() }, null, 2);
      const href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
      element("a", { href, download: "convnets-checked-progress.json" }).click();
      URL.revokeObjectURL(href);
    },
    Import: () => file.click(),
    Reset: () => {
      if (confirm("Forget all answers that are kept in this browser?")) {
        keep({});
        said.textContent = "All answers are forgotten.";
      }
    },
  };

  function keep(records) {
    __md_set("quiz", records);
    show(records);
  }

  function show(records) {
    mark(path, records);
    words.replaceChildren(...summary(path, records));
    for (const button of panel.querySelectorAll("button")) {
      button.hidden = button.textContent !== "Import" && Object.keys(records).length === 0;
    }
  }

  file.addEventListener("change", async () => {
    try {
      const records = stored();
      for (const [page, record] of Object.entries(read(await file.files[0].text()))) {
        records[page] = merged(records[page], record);
      }
      keep(records);
      said.textContent = "Imported.";
    } catch (problem) {
      said.textContent = `Nothing was imported from ${file.files[0].name}: ${problem.message}.`;
    }
    file.value = "";
  });

  const panel = document.getElementById("progress");
  panel.append(words);
  for (const [name, work] of Object.entries(buttons)) {
    const button = element("button", { type: "button" }, name);
    button.addEventListener("click", work);
    panel.append(button, " ");
  }
  panel.append(file, said);
  show(stored());
}
