"""CI does what a contributor does, with no more rights than it needs; what is installed is locked by hashes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
LOCKS = ["requirements-site", "requirements"]
each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
each_lock = pytest.mark.parametrize("name", LOCKS)


def load(path):
    return yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # BaseLoader: `on` stays a word


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in [job, *job.get("steps", [])]]


def test_the_four_workflows_are_there():
    assert [path.name for path in WORKFLOWS] == ["check.yml", "deploy.yml", "gpu.yml", "weekly.yml"]


@each_workflow
def test_a_workflow_never_runs_a_fork_with_rights(path):
    assert not {"pull_request_target", "workflow_run"} & set(load(path)["on"])


@each_workflow
def test_a_workflow_only_reads_unless_a_job_publishes(path):
    workflow = load(path)
    assert workflow["permissions"] == {"contents": "read"}
    granted = {name: job["permissions"] for name, job in workflow["jobs"].items() if "permissions" in job}
    publishes = {"deploy": {"pages": "write", "id-token": "write"}, "notebooks": {"contents": "write"}}
    assert granted == (publishes if path.name == "deploy.yml" else {})


@each_workflow
def test_foreign_actions_are_pinned_by_commit(path):
    for line in re.findall(r"uses: (.+)", path.read_text()):
        assert line.startswith("./") or re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


@each_workflow
def test_a_checkout_leaves_no_token_behind(path):
    checkouts = [step for step in steps(load(path)) if "actions/checkout@" in step.get("uses", "")]
    assert all(step["with"]["persist-credentials"] == "false" for step in checkouts)


@each_workflow
def test_no_outside_text_reaches_a_shell(path):
    assert not any("${{" in step.get("run", "") for step in steps(load(path)))


def test_pull_requests_and_main_run_the_same_checks():
    assert set(load(ROOT / ".github/workflows/check.yml")["on"]) == {"pull_request", "workflow_call"}
    deploy = load(ROOT / ".github/workflows/deploy.yml")
    assert deploy["on"] == {"push": {"branches": ["main"]}}
    assert deploy["jobs"]["check"] == {"uses": "./.github/workflows/check.yml"}
    assert deploy["jobs"]["deploy"]["needs"] == "check"


def test_ci_runs_make_test_and_nothing_else():
    lines = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line and not line.startswith("#")]
    assert lines == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "make test"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def locked(name):
    """Return {package: its requirement, with hashes} of a lock file."""
    text = (ROOT / f"{name}.txt").read_text().replace("\\\n", " ")
    entries = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {entry.partition("==")[0]: entry for entry in entries}


def versions(name):
    return {package: re.search(r"==(\S+)", entry)[1] for package, entry in locked(name).items()}


@each_lock
def test_every_requirement_is_exact_and_has_hashes(name):
    for entry in locked(name).values():
        assert re.match(r"[a-z0-9.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", entry), entry


@each_lock
def test_a_lock_file_names_no_host_and_no_path(name):
    text = (ROOT / f"{name}.txt").read_text()
    assert "://" not in text and "/" not in text


@each_lock
def test_a_lock_file_follows_its_source(name):
    wanted = re.findall(r"^([a-z][\w-]*)(==\S+)?", (ROOT / f"{name}.in").read_text(), re.MULTILINE)
    entries = locked(name)
    for package, pin in wanted:
        assert entries[package].startswith(f"{package}{pin or '=='}"), f"{package}: run `make lock`"


def test_the_site_needs_no_torch_and_the_two_locks_agree():
    site, full = map(versions, LOCKS)
    assert not {"torch", "scikit-learn", "scikit-image"} & set(site)
    assert site.items() <= full.items()


# Hides each module that only the larger set of requirements installs, then imports what the site is built with.
WITHOUT = """
import sys
from importlib.metadata import packages_distributions

hidden = set(sys.argv[1:])
for module, names in packages_distributions().items():
    if all(name.lower().replace("_", "-") in hidden for name in names):
        sys.modules[module] = None
import scripts.get_assets, scripts.make_notebooks, scripts.make_texts, scripts.make_zip, scripts.serve
import scripts.site.course_map, scripts.site.diagrams, scripts.site.figures, scripts.site.formulas, scripts.site.verified
import scripts.site.blocks, scripts.site.comments, scripts.site.quiz, scripts.site.widgets, scripts.site.words
"""


def test_the_site_is_built_with_what_the_smaller_lock_installs():
    more = set(locked("requirements")) - set(locked("requirements-site"))
    assert {"torch", "pytest-codeblocks"} <= more
    done = subprocess.run([sys.executable, "-c", WITHOUT, *more], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_citation_is_complete():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors", "license"} <= set(citation)
