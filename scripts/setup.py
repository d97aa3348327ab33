"""Make the environment that the targets of the Makefile run in: isolated, locked by hashes, made once and reused.

Example:
    python3 scripts/setup.py site    # .venv/site: what builds the site, no torch
    python3 scripts/setup.py full    # .venv/full: what verifies everything, and a browser for the browser tests
    python3 scripts/setup.py full --torch 2.11.0    # .venv/torch-2.11.0: the same with another PyTorch

It runs on the system's Python before anything is installed: standard library only, and no syntax newer than
Python 3.6, so that an old `python3` can look for a newer one instead of stopping with a SyntaxError.
"""

import argparse
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {"site": "requirements-site.txt", "full": "requirements.txt"}
OLDEST = (3, 11, 5)  # pymdown-extensions 13.1 needs it
NEWEST = (3, 14)  # torch 2.14.1 has no wheels beyond
CANDIDATES = ["python3.13", "python3.12", "python3.11", "python3.14"]
VERSION = "import platform; print(platform.python_version())"


def stop(message):
    """End with one line that says what to do."""
    sys.exit("setup: " + message)


def say(message):
    print("setup: " + message, flush=True)


def version_of(python):
    """Return the version of an interpreter, such as "3.12.1"; "" when it is missing or does not run."""
    try:
        done = subprocess.run([str(python), "-c", VERSION], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return ""
    return done.stdout.decode().strip() if done.returncode == 0 else ""


def is_supported(version):
    """Tell whether a version such as "3.12.1" lies in the range that the lock files hold wheels for."""
    parts = tuple(int(part) for part in version.rstrip("+").split(".") if part.isdigit())
    return OLDEST <= parts and parts[:2] <= NEWEST


def other_python():
    """Return the path of an interpreter on the PATH that is_supported, else stop."""
    for name in CANDIDATES:
        path = shutil.which(name)
        if path and is_supported(version_of(path)):
            return path
    stop(
        f"Python 3.11.5 to 3.14 is needed, and {sys.executable} is Python {platform.python_version()}. "
        "Install one (https://www.python.org/downloads/), then run: make PYTHON=/path/to/python3 ..."
    )


def stamp_text(version, lock):
    """What .stamp holds once an environment is complete: its Python and the hash of its lock file."""
    return f"Python {version}\n{lock.name} {hashlib.sha256(lock.read_bytes()).hexdigest()}\n"


def state(env, lock):
    """Return "ready", "outdated" (another lock file) or "unusable" (missing, never finished, or its Python changed)."""
    stamp = env / ".stamp"
    version = version_of(env / "bin" / "python")
    if not version or not stamp.is_file():
        return "unusable"
    text = stamp.read_text()
    if text == stamp_text(version, lock):
        return "ready"
    return "outdated" if text.startswith(f"Python {version}\n") else "unusable"


def create(env):
    """Make an empty environment. What stood there goes: half-installed packages cannot be told from whole ones."""
    if importlib.util.find_spec("ensurepip") is None:
        package = "python{}.{}-venv".format(*sys.version_info)
        stop(f"this Python lacks the venv module. On Debian and Ubuntu run: sudo apt install {package}")
    say(f"making {env.relative_to(ROOT)} with Python {platform.python_version()}")
    shutil.rmtree(str(env), ignore_errors=True)
    env.parent.mkdir(exist_ok=True)
    made = subprocess.run([sys.executable, "-m", "venv", str(env)])
    if made.returncode:
        stop("`python -m venv` failed (see above)")


def install(env, lock):
    """Install the lock file with uv where the machine has it (faster), else with pip; both compare the hashes."""
    python = str(env / "bin" / "python")
    options = ["--require-hashes", "--only-binary", ":all:", "--requirement", str(lock)]
    uv = shutil.which("uv")
    if uv:
        if subprocess.run([uv, "pip", "install", "--python", python] + options).returncode == 0:
            return
        say("uv failed (see above); trying pip")
    pip = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    if subprocess.run(pip + options).returncode:
        stop("the installation failed (see above). Run the same command again: finished downloads are kept")


def make_environment(env, lock):
    """Bring an environment to what the lock file says; when it is there already, do nothing."""
    found = state(env, lock)
    if found == "ready":
        return
    stamp = env / ".stamp"
    if found == "unusable":
        create(env)
    else:
        stamp.unlink()  # an interrupted update must not look complete
    say(f"installing {lock.name} into {env.relative_to(ROOT)}")
    install(env, lock)
    stamp.write_text(stamp_text(version_of(env / "bin" / "python"), lock))
    say(f"{env.relative_to(ROOT)} is ready")


def change_torch(env, torch):
    """Put another PyTorch, with the torchvision that belongs to it, into an environment; not locked by hashes."""
    stamp = env / ".torch"
    if stamp.is_file() and stamp.read_text() == torch:
        return
    say(f"installing torch {torch} into {env.relative_to(ROOT)}")
    command = [str(env / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    if subprocess.run(command + ["--only-binary", ":all:", f"torch=={torch}", "torchvision"]).returncode:
        stop(f"there is no torch {torch} for this Python, or it could not be fetched (see above)")
    stamp.write_text(torch)


def has_browser(env):
    command = [str(env / "bin" / "python"), "-m", "scripts.find_browser"]
    return subprocess.run(command, cwd=str(ROOT), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def browser_commands(env):
    """Return the ways to get a browser here, best first, each a list of commands."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    ways = [[[str(env / "bin" / "python"), "-m", "playwright", "install", "chromium"]]]
    if is_root and shutil.which("apt-get"):
        ways.append([["apt-get", "update", "-q"], ["apt-get", "install", "-q", "-y", "chromium"]])
    return ways


def provide_browser(env):
    """See to it that the browser tests find Chromium or Chrome; else stop."""
    if has_browser(env):
        return
    for way in browser_commands(env):
        for command in way:
            say("getting Chromium for the browser tests: " + " ".join([Path(command[0]).name] + command[1:]))
            quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            subprocess.run(command, env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"), **quiet)
        if has_browser(env):
            return
    stop("the browser tests need Chromium or Google Chrome: install one (Debian: sudo apt install chromium), run again")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("environment", choices=sorted(LOCKS))
    parser.add_argument("--torch", help="another version of PyTorch than the locked one, in an environment of its own")
    options = parser.parse_args()
    name = options.environment
    if options.torch and not re.match(r"\d+\.\d+\.\d+$", options.torch):
        parser.error(f"a version is written as 2.11.0, not {options.torch}")
    if not is_supported(platform.python_version()):
        python = other_python()
        os.execv(python, [python] + sys.argv)
    env = ROOT / ".venv" / (f"torch-{options.torch}" if options.torch else name)
    make_environment(env, ROOT / LOCKS[name])
    if options.torch:
        change_torch(env, options.torch)
    if name == "full":
        provide_browser(env)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        stop("interrupted. Run the same command again: finished downloads are kept")
