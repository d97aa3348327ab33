// The quiz of a lesson. Written in Markdown, it is a list of options and a folded answer that gives a reason for each;
// here the list becomes a form that says at once whether the choice is right, and why. What was answered is kept in
// this browser and nowhere else; docs/assets/progress.js shows it on the home page.

"use strict";

const VERDICT = /^(?:([A-Z])\. )?(Right|Wrong)\.$/; // `A. Right.`, or `Right.` where the answer is typed
const page = pageOfSite(location.href);

/** What the parts of the quiz are: per `h3` its heading and the elements up to the next one. */
function sections() {
  const found = [];
  let node = document.getElementById("quiz").nextElementSibling;
  for (; node && node.tagName !== "H2" && !node.matches(".verified"); node = node.nextElementSibling) {
    if (node.tagName === "H3") {
      found.push({ heading: node, parts: [] });
    } else {
      found.at(-1)?.parts.push(node);
    }
  }
  return found;
}

/** The reasons of a question: letter (none where the answer is typed), whether it is right, and the nodes of the reason. */
function reasons(details) {
  return [...details.querySelectorAll(":scope > ul > li")].map((item) => {
    const strong = item.querySelector("strong");
    const [, letter, verdict] = VERDICT.exec(strong.textContent);
    const copy = item.cloneNode(true);
    copy.querySelector("strong").remove();
    return { letter, right: verdict === "Right", text: item.querySelector("code")?.textContent ?? "", nodes: copy.childNodes };
  });
}

/** An answer as it is compared: no spaces, round brackets or none, no `torch.Size`, 2 for 2.0. */
function plain(text) {
  const bare = text.replace(/\s|torch\.Size/g, "").replaceAll("−", "-").replaceAll('"', "'");
  const round = bare.replaceAll("[", "(").replaceAll("]", ")").replace(/,(?=\))/g, "");
  const inner = /^\(+[^()]*\)+$/.test(round) ? round.replace(/^\(+|\)+$/g, "") : round;
  return inner.replace(/(?<![\w.])-?\d+(\.\d*)?(?![\w.])/g, (digits) => String(Number(digits)));
}

/** Whether `typed` is the answer; in a single number, commas may part the thousands. */
function same(answer, typed) {
  const one = /^-?[\d.]+$/.test(plain(answer).replaceAll(",", "")) && !/[([]/.test(answer);
  const [left, right] = [answer, typed].map((text) => plain(one ? text.replaceAll(",", "") : text));
  return left === right;
}

/** The three kinds of question. Each makes its fields, and turns what is filled in into a verdict. */
const KINDS = {
  one: {
    legend: "choose one answer",
    fields: (list, name) => choices(list, name, "radio"),
    judge: ([letter], all) => all.filter((reason) => reason.letter === letter),
    right: (said) => said[0].right,
  },
  many: {
    legend: "choose all that hold",
    fields: (list, name) => choices(list, name, "checkbox"),
    judge: (letters, all) => all.filter((reason) => reason.right !== letters.includes(reason.letter)),
    right: (said) => said.length === 0,
  },
  typed: {
    legend: "type your answer",
    fields: (_, name, heading) => [
      element("input", { type: "text", name, autocomplete: "off", autocapitalize: "off", spellcheck: false, ariaLabel: heading }),
    ],
    judge: ([text], all) => all.filter((reason) => same(reason.text, text)),
    right: (said) => said.some((reason) => reason.right),
  },
};

function choices(list, name, type) {
  return [...list.children].map((item) => {
    const value = item.querySelector("strong").textContent[0];
    return element("label", {}, element("input", { type, name, value }), element("span", {}, ...item.childNodes));
  });
}

/** What the form says: the verdict first, then the reasons that fit to what was chosen. */
function message(kind, said, right, all) {
  if (kind === "many") {
    const missed = said.filter((reason) => reason.right).length;
    const words = right ? "Right." : `Not yet: ${said.length - missed} too many, ${missed} missing.`;
    return [element("strong", {}, words), ...(right ? all.filter((reason) => reason.right) : []).flatMap(copies)];
  }
  const words = right ? "Right." : "Wrong.";
  return [element("strong", {}, words), ...(said.length ? copies(said[0]) : [" Try again, or open the answer."])];
}

function copies({ letter, nodes }) {
  return [letter ? ` ${letter}. ` : " ", ...[...nodes].map((node) => node.cloneNode(true))];
}

function filled(form, name) {
  return new FormData(form).getAll(name).filter((value) => value.trim());
}

/** Put the form of one question in the place of its list; return it. `answered` is told of each check. */
function build({ heading, parts }, answered) {
  const details = parts.find((part) => part.tagName === "DETAILS");
  const all = reasons(details);
  const list = parts.find((part) => part.tagName === "UL" && VERDICT.test(`${part.querySelector("strong")?.textContent} Right.`));
  const kind = !list ? "typed" : all.filter((reason) => reason.right).length > 1 ? "many" : "one";
  const { legend, fields, judge, right } = KINDS[kind];
  const title = heading.textContent.replace(/#$/, "");
  const said = element("div", { className: "quiz__said", role: "status" });
  const form = element(
    "form",
    { className: "quiz", id: `${heading.id}-form` },
    element("fieldset", {}, element("legend", {}, `${title}: ${legend}`), ...fields(list, heading.id, title)),
    element("button", { className: "md-button", type: "submit" }, "Check"),
    said,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = filled(form, heading.id);
    if (given.length === 0) {
      said.replaceChildren(kind === "typed" ? "Type an answer first." : "Choose an answer first.");
      return;
    }
    const fitting = judge(given, all);
    const holds = right(fitting);
    form.dataset.right = holds;
    said.replaceChildren(...message(kind, fitting, holds, all));
    answered(heading.id, given, holds);
  });
  form.addEventListener("input", () => {
    delete form.dataset.right;
    said.replaceChildren();
  });
  list?.remove();
  details.before(form);
  return form;
}

/** Fill in what was answered last time, without a word of judgement but the mark. */
function restore(form, { given, right }) {
  for (const input of form.querySelectorAll("input")) {
    if (input.type === "text") {
      input.value = given[0] ?? "";
    } else {
      input.checked = given.includes(input.value);
    }
  }
  form.dataset.right = right;
}

const stored = () => __md_get("quiz") ?? {};

{
  const asked = sections();
  const kept = stored()[page]?.answers ?? {};
  const score = element("p", { className: "quiz__score" });

  function save(answers) {
    __md_set("quiz", { ...stored(), [page]: { asked: asked.length, answers } });
    show(answers);
  }

  function show(answers) {
    const values = Object.values(answers);
    const rights = values.filter((answer) => answer.right).length;
    const tries = values.reduce((sum, answer) => sum + answer.tries, 0);
    const again = element("button", { type: "button", className: "quiz__again" }, "Start again");
    again.addEventListener("click", () => {
      for (const form of forms) {
        form.reset();
        form.dispatchEvent(new Event("input"));
      }
      save({});
      forms[0].querySelector("input").focus();
    });
    const words = values.length ? `${rights} of ${asked.length} answered right, in ${tries} ${tries === 1 ? "try" : "tries"}. ` : "";
    const home = element("a", { href: new URL(`${IN_FOLDER ? "index.html" : ""}#the-path`, __md_scope).href }, "Your progress");
    score.replaceChildren(words, ...(values.length ? [home, " is kept in this browser only. ", again] : []));
  }

  function answered(id, given, right) {
    const answers = stored()[page]?.answers ?? {};
    const before = answers[id] ?? { tries: 0, right: false };
    const best = before.right && !right ? before : { given, right }; // what was right once, stays
    save({ ...answers, [id]: { given: best.given, right: best.right, tries: before.tries + 1 } });
  }

  const forms = asked.map((section) => build(section, answered));
  asked.forEach(({ heading }, index) => kept[heading.id] && restore(forms[index], kept[heading.id]));
  asked.at(-1).parts.at(-1).after(score);
  show(kept);
}
