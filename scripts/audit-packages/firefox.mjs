// Opens each page in Firefox, as wide as a phone, and prints as JSON what is wrong with it. Run by scripts/audit.py:
//   node firefox.mjs <folder of the packages> <Firefox> <address of the site> <page> <page> ...

import { createRequire } from "node:module";

const [packages, executablePath, site, ...pages] = process.argv.slice(2);
const puppeteer = createRequire(`${packages}/`)("puppeteer-core");

/** In the page: what a reader would miss. */
function missing() {
  const wider = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const quiz = document.querySelector(".quizzes");
  const formulas = [...document.querySelectorAll("math")]; // in folded answers they need no font yet
  return [
    wider > 0 && `${wider} pixels wider than the screen`,
    document.querySelectorAll("h1").length !== 1 && "not one heading of the first level",
    quiz && quiz.querySelectorAll("form.quiz").length < 5 && "its quiz has no forms",
    formulas.some((math) => math.checkVisibility()) && !document.fonts.check("16px STIX2") && "its formulas lack their font",
  ].filter(Boolean);
}

/** What a search finds, typed by keyboard. */
async function search(page) {
  await page.goto(site, { waitUntil: "load" });
  await page.keyboard.press("/");
  await page.keyboard.type("receptive field");
  await page.waitForSelector(".md-search-result__item > a", { timeout: 15_000 });
  return page.$eval(".md-search-result__item > a", (link) => link.href);
}

const extraPrefsFirefox = { "network.prefetch-next": false }; // it would be cut off when the next page is opened, and complain
const browser = await puppeteer.launch({ browser: "firefox", executablePath, headless: true, extraPrefsFirefox });
const page = await browser.newPage();
await page.setViewport({ width: 360, height: 800 });
const found = {};
let faults = [];
page.on("pageerror", (problem) => faults.push(problem.message));
page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
for (const [done, address] of pages.entries()) {
  process.stderr.write(`Firefox: ${done} of ${pages.length}\r`);
  faults = [];
  await page.goto(site + address, { waitUntil: "load" });
  await page.evaluate("document.fonts.ready.then(() => true)");
  found[address] = [...faults, ...(await page.evaluate(missing))];
}
const first = await search(page);
if (!first.startsWith(`${site}lessons/receptive-field/`)) {
  (found[""] ??= []).push(`a search for "receptive field" shows ${first} first`);
}
await browser.close();
console.log(JSON.stringify(found));
