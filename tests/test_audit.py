"""The audit finds what it is to find: dead links, lost headings, wrong HTML; and what it installs is locked."""

import json
import shutil

import pytest

from scripts import audit
from scripts.audit import BUDGET, PACKAGES, Tags, costly, dead_links

PAGES = {
    "index.html": '<a href="lessons/vgg/">x</a><a href="lessons/vgg/#top">x</a><a href="https://example.com/gone">x</a>',
    "lessons/vgg/index.html": '<h1 id="top">VGG</h1><a href="../../">x</a><img src="vgg.svg"><a href="#top">x</a>',
    "404.html": '<a href="/convnets-checked/lessons/vgg/">x</a>',
}


def site_of(folder, pages):
    for name, html in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(html, encoding="utf-8")
    (folder / "lessons/vgg/vgg.svg").write_text("<svg/>")
    return folder


def problems(folder, pages):
    site = site_of(folder, pages)
    return [problem for found in dead_links(site).values() for problem in found]


def test_a_sound_site_has_no_dead_link(tmp_path):
    assert problems(tmp_path, PAGES) == []


@pytest.mark.parametrize(
    "page, old, new, problem",
    [
        ("index.html", "lessons/vgg/#top", "lessons/vgg/#end", "no such heading: lessons/vgg/#end"),
        ("index.html", 'href="lessons/vgg/"', 'href="lessons/vg/"', "dead link: lessons/vg/"),
        ("lessons/vgg/index.html", "vgg.svg", "vg.svg", "dead link: vg.svg"),
        ("lessons/vgg/index.html", "../../", "../../../", "dead link: ../../../"),  # above the site
        ("404.html", "lessons/vgg/", "lesson/vgg/", "dead link: /convnets-checked/lesson/vgg/"),
    ],
)
def test_a_dead_link_is_found(tmp_path, page, old, new, problem):
    assert problems(tmp_path, {**PAGES, page: PAGES[page].replace(old, new, 1)}) == [problem]


def test_names_and_links_are_read():
    tags = Tags('<a name="a" href="x"></a><link rel="preconnect" href="https://y"><p id="b"><script src="z"></script>')
    assert tags.links == ["x", "z"] and tags.names == {"a", "b"}


def test_only_what_costs_points_is_named():
    audits = {
        "good": {"title": "Good", "score": 1},
        "bad": {"title": "Bad", "score": 0},
        "none": {"title": "None", "score": None},
    }
    refs = [{"id": name, "weight": 1} for name in audits] + [{"id": "free", "weight": 0}]
    report = {"categories": {name: {"auditRefs": refs} for name in BUDGET}, "audits": audits}
    assert costly(report, dict.fromkeys(BUDGET, 100)) == []
    assert costly(report, {**dict.fromkeys(BUDGET, 100), "seo": 90}) == ["seo: Bad"]


def test_a_machine_without_java_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="Java is missing"):
        audit.html_errors(tmp_path, {}, tmp_path)


def test_what_it_installs_is_locked_without_a_host():
    lock = json.loads((PACKAGES / "package-lock.json").read_text(encoding="utf-8"))
    wanted = json.loads((PACKAGES / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert lock["packages"][""]["dependencies"] == wanted
    packages = [package for name, package in lock["packages"].items() if name]
    assert packages and all("integrity" in package and "resolved" not in package for package in packages)
