"""The set-up makes an environment once, resumes after an interruption, and stops with one line that helps."""

import ast
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import find_browser, serve, setup

ROOT = Path(__file__).resolve().parent.parent


def program(path, *lines):
    """Write a small shell script that stands in for a real program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty project with a lock file, and a PATH on which nothing is found but what a test puts there."""
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    (tmp_path / "requirements.txt").write_text("torch==2.14.1 --hash=sha256:1\n")
    return tmp_path


@pytest.fixture
def env(place, monkeypatch):
    """Where the environment goes; creating it and installing into it are replaced by lines in its `log`."""

    def note(word):
        with open(place / "log", "a") as log:
            log.write(word + "\n")

    monkeypatch.setattr(setup, "create", lambda env: (note("create"), fake_python(env, "3.12.1")))
    monkeypatch.setattr(setup, "install", lambda env, lock: note("install"))
    return place / ".venv" / "full"


def fake_python(env, version):
    program(env / "bin" / "python", f"echo {version}")


def change_lock(env):
    (env.parent.parent / "requirements.txt").write_text("torch==2.15.0 --hash=sha256:2\n")


def make(env):
    """Run the set-up and return what it did: "create" and "install", as far as it did them."""
    log = env.parent.parent / "log"
    log.write_text("")
    setup.make_environment(env, env.parent.parent / "requirements.txt")
    return log.read_text().split()


def one_line(stopped):
    message = str(stopped.value)
    assert message.startswith("setup: ") and "\n" not in message
    return message


def test_first_run_creates_and_second_run_does_nothing(env):
    assert make(env) == ["create", "install"]
    assert make(env) == []


def test_a_changed_lock_file_updates_in_place(env):
    make(env)
    change_lock(env)
    assert make(env) == ["install"]
    assert make(env) == []


@pytest.mark.parametrize("changed", [False, True], ids=["first run", "update"])
def test_an_interrupted_installation_starts_from_an_empty_environment(env, monkeypatch, changed):
    if changed:
        make(env)
        change_lock(env)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(setup, "install", lambda env, lock: (_ for _ in ()).throw(KeyboardInterrupt))
        make(env)
    assert make(env) == ["create", "install"]


@pytest.mark.parametrize("breakage", ["python is gone", "another python", "half a stamp"])
def test_a_broken_environment_is_made_anew(env, breakage):
    make(env)
    if breakage == "python is gone":
        (env / "bin" / "python").unlink()
    elif breakage == "another python":
        fake_python(env, "3.13.0")
    else:
        (env / ".stamp").write_text("Pyth")
    assert make(env) == ["create", "install"]


def test_create_replaces_what_stood_there(place):
    leftover = place / ".venv" / "full" / "lib" / "half-a-package"
    leftover.mkdir(parents=True)
    setup.create(place / ".venv" / "full")
    assert not leftover.exists()
    assert setup.version_of(place / ".venv" / "full" / "bin" / "python") == setup.platform.python_version()


def test_a_python_without_venv_stops_with_the_package_to_install(place, monkeypatch):
    monkeypatch.setattr(setup.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as stopped:
        setup.create(place / ".venv" / "site")
    assert f"apt install python3.{sys.version_info.minor}-venv" in one_line(stopped)


@pytest.mark.parametrize(
    ("version", "supported"),
    [("3.9.6", False), ("3.11.4", False), ("3.11.5", True), ("3.12.0+", True), ("3.14.1", True), ("3.15.0", False)],
)
def test_supported_versions(version, supported):
    assert setup.is_supported(version) == supported


def test_another_python_is_found_and_a_shim_that_does_not_run_is_passed_over(place):
    program(place / "path" / "python3.13", "exit 127")
    program(place / "path" / "python3.12", "echo 3.12.4")
    assert setup.other_python() == str(place / "path" / "python3.12")


def test_without_a_python_that_fits_it_stops(place):
    program(place / "path" / "python3.11", "echo 3.11.2")
    with pytest.raises(SystemExit) as stopped:
        setup.other_python()
    assert "Python 3.11.5 to 3.14 is needed" in one_line(stopped)


def test_an_old_python_can_read_the_script():
    source = (ROOT / "scripts" / "setup.py").read_text()
    ast.parse(source, feature_version=(3, 6))
    assert "annotations" not in source  # no __future__ import either: Python 3.6 does not know this one


def test_uv_is_used_where_it_is_found_and_compares_hashes(place):
    program(place / "path" / "uv", f'echo "$@" >> {place}/log')
    program(place / "env" / "bin" / "python", f"echo pip >> {place}/log")
    setup.install(place / "env", place / "requirements.txt")
    log = (place / "log").read_text()
    assert log.startswith("pip install --python") and "--require-hashes --only-binary :all:" in log
    assert log.count("\n") == 1


def test_pip_takes_over_when_uv_fails_and_compares_hashes(place):
    program(place / "path" / "uv", "exit 2")
    program(place / "env" / "bin" / "python", f'echo "$@" >> {place}/log')
    setup.install(place / "env", place / "requirements.txt")
    assert "-m pip install" in (place / "log").read_text()
    assert "--require-hashes --only-binary :all:" in (place / "log").read_text()


def test_a_failed_installation_stops_with_what_to_do(place):
    program(place / "env" / "bin" / "python", "exit 1")
    with pytest.raises(SystemExit) as stopped:
        setup.install(place / "env", place / "requirements.txt")
    assert "Run the same command again" in one_line(stopped)


@pytest.fixture
def browser(place, monkeypatch):
    """Record the commands that get a browser; it appears after the command that `browser.works` names."""

    class Browser:
        works, ran = "", []

    def run(command, **options):
        Browser.ran.append(command)

    monkeypatch.setattr(setup.subprocess, "run", run)
    monkeypatch.setattr(setup, "has_browser", lambda env: any(Browser.works in c for c in Browser.ran if Browser.works))
    Browser.ran.clear()
    return Browser


def test_playwright_gets_the_browser_first(place, browser):
    browser.works = "playwright"
    setup.provide_browser(place)
    assert len(browser.ran) == 1


def test_apt_gets_the_browser_for_root_on_debian(place, browser, monkeypatch):
    program(place / "path" / "apt-get")
    monkeypatch.setattr(setup.os, "geteuid", lambda: 0)
    browser.works = "install"
    monkeypatch.setattr(
        setup, "has_browser", lambda env: ["apt-get", "install"] == [c for c in browser.ran[-1:] for c in c[:2]]
    )
    setup.provide_browser(place)
    assert [command[:2] for command in browser.ran[1:]] == [["apt-get", "update"], ["apt-get", "install"]]


def test_without_a_way_to_a_browser_it_stops(place, browser, monkeypatch):
    program(place / "path" / "apt-get")
    monkeypatch.setattr(setup.os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit) as stopped:
        setup.provide_browser(place)
    assert "apt install chromium" in one_line(stopped)
    assert not any("apt-get" in command for command in browser.ran)


def test_a_browser_that_does_not_start_is_passed_over(place, monkeypatch):
    stub = program(place / "path" / "chromium-browser", "exit 1")
    chrome = program(place / "path" / "google-chrome", "echo 150")
    monkeypatch.setattr(find_browser, "candidates", lambda: iter([str(stub), str(place / "missing"), str(chrome)]))
    assert find_browser.find_browser() == str(chrome)


def test_a_busy_port_is_one_line(monkeypatch):
    with socket.socket() as taken:
        taken.bind((serve.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(sys, "argv", ["serve", "--port", str(port)])
        with pytest.raises(SystemExit) as stopped:
            serve.main()
    assert (
        str(stopped.value)
        == f"port {port} is in use: stop what uses it, or take another one: make serve PORT={port + 1}"
    )
    assert serve.is_free(port)


def run_make(*arguments):
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=outside, capture_output=True, text=True)


def test_make_alone_lists_the_targets():
    listed = {line.split()[1] for line in run_make().stdout.splitlines()}
    assert listed >= {"serve", "site", "test", "update", "new", "figures", "lab", "lock", "clean", "help"}


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        (["update"], "make update PAGE="),
        (["update", "PAGE=docs/none.md"], "make update PAGE="),
        (["new"], "make new LESSON="),
    ],
    ids=" ".join,
)
def test_a_forgotten_argument_is_one_line(command, hint):
    done = run_make(*command)
    assert done.returncode != 0 and hint in done.stderr
    assert done.stdout == "" and done.stderr.count("\n") == 1


def test_make_test_ends_with_pytest():
    assert " docs README.md tests " in run_make("--dry-run", "test").stdout.splitlines()[-1]


def test_another_torch_is_installed_once_and_without_one_it_stops(env, place):
    log = place / "pip"
    program(env / "bin" / "python", f'echo "$@" >> {log}')
    for _ in range(2):
        setup.change_torch(env, "2.11.0")
    (line,) = log.read_text().splitlines()
    assert line.endswith("torch==2.11.0 torchvision") and "--only-binary :all:" in line
    program(env / "bin" / "python", "exit 1")
    with pytest.raises(SystemExit, match="there is no torch 9.9.9 for this Python"):
        setup.change_torch(env, "9.9.9")


def test_a_version_of_torch_is_a_version():
    command = [sys.executable, "scripts/setup.py", "full", "--torch", "../x"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "a version is written as 2.11.0, not ../x" in done.stderr
