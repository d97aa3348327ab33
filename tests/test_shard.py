"""Sharding: every file goes to one machine, the parts are equally long, and no split or order changes a result."""

import json
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from scripts import record_durations
from tests.conftest import ROOT
from tests.runner.shard import assign, parse, recorded

PAGES = ["docs/reference/formulas.md", "docs/reference/gpu-runner.md", "docs/reference/how-it-is-checked.md", "README.md"]


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_each_file_goes_to_one_part_and_the_parts_are_balanced(parts):
    seconds = recorded(ROOT)
    assert len(seconds) > 80
    places = assign(set(seconds), seconds, parts)
    loads = [sum(seconds[file] for file in places if places[file] == part) for part in range(1, parts + 1)]
    assert set(places) == set(seconds) and set(places.values()) == set(range(1, parts + 1))
    assert max(loads) - min(loads) <= max(seconds.values())


def test_a_file_that_was_never_timed_counts_as_a_usual_one():
    assert assign({"a", "b", "new"}, {"a": 4.0, "b": 4.0}, 3) == {"a": 1, "b": 2, "new": 3}
    assert assign({"a", "b"}, {}, 2) == {"a": 1, "b": 2}


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_a_wrong_shard_is_refused(text):
    with pytest.raises(ValueError, match="is written as 2/4"):
        parse(text)
    assert parse("2/4") == (2, 4)


def outcomes(junit, *arguments):
    """Case -> how it did not pass, of a run of some pages."""
    command = [sys.executable, "-m", "pytest", "--codeblocks", "-q", "--junitxml", str(junit), *arguments]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    cases = ElementTree.parse(junit).iter("testcase")
    return {(case.get("classname"), case.get("name")): {part.tag for part in case} - {"properties"} for case in cases}


def test_any_split_and_order_gives_the_same_results(tmp_path):
    whole = outcomes(tmp_path / "whole.xml", *PAGES)
    halves = [outcomes(tmp_path / f"{part}.xml", "--shard", f"{part}/2", *reversed(PAGES)) for part in (2, 1)]
    assert not set(halves[0]) & set(halves[1]) and all(halves)
    assert halves[0] | halves[1] == whole and not any(whole.values())


def test_durations_are_read_from_what_pytest_wrote(tmp_path):
    junit = tmp_path / "junit.xml"
    seen = outcomes(junit, "docs/reference/gpu-runner.md", "tests/test_shard.py", "-k", "wrong_shard or gpu")
    found = record_durations.seconds_by_file(junit)
    assert seen and set(found) == {"docs/reference/gpu-runner.md", "tests/test_shard.py"}
    with pytest.raises(SystemExit):
        record_durations.main(["--junit", str(tmp_path / "none.xml")])


def test_recorded_durations_name_files_that_exist():
    assert not [name for name in json.loads((ROOT / "tests/durations.json").read_text()) if not (ROOT / name).is_file()]
