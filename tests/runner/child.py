"""What happens inside the process of one page: its walls are put up, then its steps run in order."""

import ast
import contextlib
import ctypes
import faulthandler
import functools
import json
import os
import resource
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
import types
import warnings
from collections.abc import Callable
from pathlib import Path

from tests.runner import claims
from tests.runner.observed import Watch
from tests.runner.page import Block, Claim, Ending
from tests.runner.snippets import Chunk
from tests.runner.unrun import Reached

MOST_OUTPUT = 1_000_000  # characters that one block may print
OURS = str(Path(__file__).parent)
DEPRECATED = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class OutOfTime(BaseException):
    """The page has used up its time; not an Exception, so that a page cannot catch it by accident."""


class Stop(Exception):
    """A step failed so that the rest of the page cannot run."""


class Channel:
    """Sends results to the parent as JSON lines."""

    def __init__(self, pipe: int):
        self.pipe, self.owner = pipe, os.getpid()

    def send(self, name: str, status: str, **more) -> None:
        if os.getpid() != self.owner:
            os._exit(0)  # the page has forked: only one of both goes on with the steps
        data = json.dumps({"name": name, "status": status, **more}).encode() + b"\n"
        while data:
            data = data[os.write(self.pipe, data) :]


class Printed:
    """Everything the page prints, from Python, from C and from other processes, in one file per stream."""

    def __init__(self, folder: Path):
        self.files = {1: open(folder / "out", "w+b"), 2: open(folder / "err", "w+b")}
        for number, file in self.files.items():
            os.dup2(file.fileno(), number)
        sys.stdout = open(1, "w", encoding="utf-8", errors="replace", closefd=False)
        sys.stderr = open(2, "w", encoding="utf-8", errors="replace", closefd=False, buffering=1)
        sys.stdin = open(os.devnull)
        self.read_until = {1: 0, 2: 0}

    def take(self, number: int) -> str:
        """What came on stream 1 or 2 since the last call."""
        for stream in (sys.stdout, sys.stderr, sys.__stdout__):
            with contextlib.suppress(Exception):
                stream.flush()
        file = self.files[number]
        file.seek(self.read_until[number])
        text = file.read(MOST_OUTPUT + 1).decode("utf-8", errors="replace")
        self.read_until[number] = file.seek(0, os.SEEK_END)
        return text


def main(steps: list, limits, folder: Path, pipe: int) -> None:
    """Runs the steps of a page and leaves; never returns to the parent's code."""
    code = 0
    try:
        os.setsid()
        channel = Channel(pipe)
        printed = wall(folder, limits)
        run(steps, channel, printed, limits.device)
    except OutOfTime:
        channel.send("page", "error", message=f"it did not end within {limits.seconds:g} s")
    except BaseException:
        code = 70
        with contextlib.suppress(BaseException):
            channel.send("page", "error", message=traceback.format_exc())
    finally:
        os._exit(code)


def wall(folder: Path, limits) -> Printed:
    """Puts up the walls around the page: folder, limits, network, seed, time."""
    warnings.resetwarnings()
    warnings.simplefilter("default")
    printed = Printed(folder)
    work, home = folder / "work", folder / "home"
    work.mkdir()
    home.mkdir()
    os.chdir(work)
    places = {"HOME": home, "TMPDIR": folder, "XDG_CACHE_HOME": home, "TORCH_HOME": home}
    os.environ.update({name: str(place) for name, place in places.items()})
    tempfile.tempdir = None  # pytest has asked for it before, and the answer is kept
    die_with_the_parent()
    hide_the_project()
    limit_memory(limits)
    seed_everything(limits.seed)
    os.environ["OMP_NUM_THREADS"] = str(limits.threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(limits.threads)
    sys.addaudithook(refusals(str(folder), limits.network))
    Clock(limits.seconds)
    return printed


def die_with_the_parent() -> None:
    """A page must not outlive a run that is killed; only Linux can say so."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    faulthandler.disable()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def hide_the_project() -> None:
    """A reader has no `snippets` package, so a page that imports it must fail here too."""
    root = str(Path(OURS).parent.parent)
    sys.path[:] = [path for path in sys.path if path and os.path.abspath(path) != root]
    for name in list(sys.modules):
        if name.partition(".")[0] in ("snippets", "scripts") or name == "__main__":
            del sys.modules[name]


def limit_memory(limits) -> None:
    """A wall at the limit turns a runaway allocation into an error at its line; CUDA reserves far more than it uses."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**30, 2**30))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        if limits.device == "cpu" and sys.platform == "linux":
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            most = pages * resource.getpagesize() + limits.bytes
            resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def room_to_report() -> None:
    """After a MemoryError, telling it needs a little memory itself."""
    with contextlib.suppress(OSError, ValueError):
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def seed_everything(seed: int) -> None:
    """A start that is the same in every run; a page still has to show the seeds that its numbers need."""
    import random

    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def refusals(folder: str, network: bool):
    """An audit hook that refuses the network (unless it is wanted), and any change outside the page's own folder."""
    allowed = (folder + os.sep, "/dev/", "/proc/self/")
    changes = {
        "os.remove",
        "os.rmdir",
        "os.mkdir",
        "os.rename",
        "os.link",
        "os.symlink",
        "os.truncate",
        "shutil.rmtree",
    }

    def outside(path) -> bool:
        if not isinstance(path, str | bytes | os.PathLike):
            return False
        return not (os.path.realpath(os.fsdecode(path)) + os.sep).startswith(allowed)

    def hook(event: str, args: tuple) -> None:
        asks = event == "socket.connect" and args[0].family != socket.AF_UNIX or event == "socket.getaddrinfo"
        if asks and not network:
            where = args[1] if event == "socket.connect" else args[0]
            raise PermissionError(f"a page runs without a network, and this one asked for {where}")
        if event == "open" and (args[2] or 0) & WRITING and outside(args[0]) or event in changes and outside(args[0]):
            raise PermissionError(f"a page may only write in its own working folder, and this one tried {args[0]}")

    return hook


def seconds_in_line(pid: int | str = "self") -> float:
    """How long the first thread of a process was ready and had to wait for a core; 0 where the system does not say."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


class Clock:
    """The time limit of a page. What the page waited for a core that others had does not count."""

    def __init__(self, seconds: float):
        self.granted = seconds_in_line()
        signal.signal(signal.SIGALRM, self.rings)
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def rings(self, number, frame) -> None:
        more = seconds_in_line() - self.granted
        if more < 0.05:
            raise OutOfTime
        self.granted += more
        signal.setitimer(signal.ITIMER_REAL, more)


class Run:
    """The state of a page between its steps."""

    def __init__(self, printed: Printed, device: str = "cpu"):
        self.mirror = mirror(device)
        self.module = types.ModuleType("__main__")
        sys.modules["__main__"] = self.module
        self.printed, self.watch, self.reached = printed, Watch(), Reached()
        self.shown: dict[tuple[str, int], int] = {}  # (file, first line of a chunk) -> line of its block
        self.failures: list[str] = []  # of threads
        self.deprecated: list[str] = []  # `line: warning` of calls in the page's own code
        warnings.showwarning = self.warned
        threading.excepthook = lambda args: self.failures.append(
            f"{args.exc_type.__name__}: {args.exc_value} (in {args.thread.name})"
        )

    def step(self, step: Block | Claim | Ending) -> dict:
        """The result of one step. Raises Stop when the steps behind it cannot run."""
        if isinstance(step, Ending):
            return run_ending(step, self)
        if isinstance(step, Claim):
            return run_claim(step, self.module)
        if self.mirror is None:
            return run_block(step, self)
        with self.mirror:
            result = run_block(step, self)
        return with_gpu(result, self.mirror.take(), step)

    def warned(self, message, category, filename: str, line: int, file=None, text=None) -> None:
        """Shows a warning as Python does, and keeps it if the page itself calls what is deprecated."""
        sys.stderr.write(warnings.formatwarning(message, category, filename, line, text))
        old = issubclass(category, DEPRECATED) or "deprecated" in str(message)
        if old and filename in {name for name, _ in self.shown}:
            place = str(line) if filename.endswith(".md") else f"{self.block_of(filename, line)}: {filename}:{line}"
            self.deprecated.append(f"{place}: this call is deprecated: {str(message).partition(' (Triggered')[0]}")

    def prepare(self, block: Block, chunk: Chunk) -> ast.Module:
        """The code of a chunk with what watches it."""
        self.shown[str(chunk.path), chunk.line] = block.line
        tree = self.watch.prepare(chunk, self.module.__dict__)
        return self.reached.prepare(tree, chunk, self.module.__dict__)

    def block_of(self, path: str, line: int) -> int:
        """The line of the block that shows a line of a snippet."""
        return max((first, block) for (name, first), block in self.shown.items() if name == path and first <= line)[1]


def mirror(device: str):
    """What runs the operations of the page on a second device; None where none is wanted, or the page has no torch."""
    if device == "cpu" or "torch" not in sys.modules:
        return None
    from tests.runner.gpu import Mirror

    return Mirror("cpu" if device == "twin" else device)


def with_gpu(result: dict, compared: dict, block: Block) -> dict:
    """The result of a block with what its operations did on the GPU: failed, if one of them disagrees."""
    if compared["faults"] and result["status"] != "failed":
        told = "\n".join(f"{block.line}: {fault}" for fault in dict.fromkeys(compared["faults"]))
        result = {"status": "failed", "message": told}
    return result | {"gpu": compared}


def run(steps: list, channel: Channel, printed: Printed, device: str) -> None:
    """Runs every step; stops after a block that did not get to its end."""
    page = Run(printed, device)
    for step in steps:
        channel.send(step.name, "started")
        began = time.perf_counter()
        try:
            result = page.step(step)
        except Stop as stop:
            channel.send(step.name, "failed", stops=True, message=str(stop), stderr=printed.take(2)[-2000:])
            return
        channel.send(step.name, seconds=time.perf_counter() - began, **result)
    signal.setitimer(signal.ITIMER_REAL, 0)


@contextlib.contextmanager
def same_dice():
    """What a claim draws is drawn again by the next block: a reader, who runs no claims, gets the same numbers."""
    import random

    state, numpy, torch = random.getstate(), sys.modules.get("numpy.random"), sys.modules.get("torch")
    of_numpy, of_torch = numpy and numpy.get_state(), torch and torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(state)
        if numpy:
            numpy.set_state(of_numpy)
        if torch:
            torch.set_rng_state(of_torch)


def run_claim(claim: Claim, module: types.ModuleType) -> dict:
    try:
        with same_dice():
            fault = claims.fault(claim, module.__dict__)
    except OutOfTime:
        raise Stop(f"{claim.line}: the page's time ran out in this claim") from None
    except Exception as error:
        fault = f"{claim.expression or 'the diagram'} cannot be computed: {last_line(error)}"
    return {"status": "failed", "message": f"{claim.line}: {fault}"} if fault else {"status": "passed"}


def run_ending(step: Ending, page: Run) -> dict:
    """What comments and code say now that everything has run."""
    if step.name == "gpu":
        return run_gpu_ending(step, page)
    found = page.watch.faults() if step.name == "comments" else page.reached.faults(page.module.__dict__)
    faults = []
    for path, line, words in found:
        shown = line if path.endswith(".md") else page.block_of(path, line)
        if not any(first <= shown <= last for first, last in step.excused):
            place = "" if path.endswith(".md") else f"{path}:{line}: "
            faults.append(f"{shown}: {place}{words}")
    return {"status": "failed", "message": "\n".join(faults)} if faults else {"status": "passed"}


def run_gpu_ending(step: Ending, page: Run) -> dict:
    """A page that computes with torch must have computed on the GPU."""
    values = vars(page.module).values()
    homes = [getattr(value, "__module__", None) or getattr(value, "__name__", "") for value in values]
    imported = any(str(home).partition(".")[0] == "torch" for home in homes)
    used = not imported or page.mirror.total or page.mirror.elsewhere
    used = used or page.mirror.quiet and not page.mirror.stayed  # a page that only builds layers computes nowhere
    told = f"{step.line}: this page imports torch, and not one operation of it ran on the GPU"
    return {"status": "passed"} if used else {"status": "failed", "message": told}


def run_block(block: Block, page: Run) -> dict:
    if block.skip:
        return {"status": "skipped", "message": block.skip}
    if block.role:
        return run_exercise(block, page.module, page.printed)
    error = execute(block.chunks, page.module.__dict__, functools.partial(page.prepare, block))
    if error is None:
        wait_for_threads(block)
    output = page.printed.take(1)
    if page.watch.all_told(output) and block.output is None:
        output = ""
    if len(output) > MOST_OUTPUT:
        raise Stop(f"{block.line}: prints more than {MOST_OUTPUT:,} characters")
    if page.failures:
        raise Stop(f"{block.line}: a thread failed: {page.failures.pop()}")
    if error is not None:
        if isinstance(error, Exception) and block.raises and type(error).__name__ == block.raises.rpartition(".")[2]:
            return {"status": "ran", "output": output + "".join(traceback.format_exception_only(error))}
        raise Stop(describe(error, block))
    if page.deprecated:
        message = "\n".join(page.deprecated)
        page.deprecated.clear()
        return {"status": "failed", "message": message}
    if block.raises:
        return {
            "status": "failed",
            "message": f"{block.line}: the page says that this raises {block.raises}, but it ran to its end",
        }
    return {"status": "ran", "output": output, "stderr": page.printed.take(2)[-2000:]}


def run_exercise(block: Block, module: types.ModuleType, printed: Printed) -> dict:
    """The solution must pass the tests of its exercise; the starter and every wrong answer must fail them."""
    if block.role == "tests":
        return {"status": "passed"}
    namespace = module.__dict__ if block.role == "solution" else dict(module.__dict__)
    error = execute(block.chunks, namespace)
    if error is not None and not (block.role == "starter" and isinstance(error, NotImplementedError)):
        raise Stop(describe(error, block))
    error = error or execute(block.tests, namespace)
    printed.take(1)
    if block.role == "solution":
        return passed_if(error is None, block, "the solution does not pass its own tests: " + last_line(error))
    if isinstance(error, AssertionError | NotImplementedError):
        shown = "".join(traceback.format_exception_only(error))
        return {"status": "ran", "output": shown} if block.output else {"status": "passed"}
    who = "starter" if block.role == "starter" else "wrong answer"
    how = (
        "passes the tests: they must reject it"
        if error is None
        else f"fails, but not by an assertion: {last_line(error)}"
    )
    return passed_if(False, block, f"this {who} {how}")


def passed_if(condition: bool, block: Block, message: str) -> dict:
    return {"status": "passed"} if condition else {"status": "failed", "message": f"{block.line}: {message}"}


def plain(chunk: Chunk) -> str:
    """The code of a chunk at its own line numbers."""
    return "\n" * (chunk.line - 1) + chunk.code


def execute(chunks: list[Chunk], namespace: dict, prepare: Callable = plain) -> BaseException | None:
    """Runs the code under its own file name and line numbers; the error that ended it, if one did."""
    try:
        for chunk in chunks:
            exec(compile(prepare(chunk), str(chunk.path), "exec", dont_inherit=True), namespace)
    except BaseException as error:
        if isinstance(error, MemoryError):
            room_to_report()
        return error
    return None


def wait_for_threads(block: Block) -> None:
    """Lets threads that the block started come to their end, so that what they print belongs to their block."""
    until = time.monotonic() + 3
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                raise Stop(
                    f"{block.line}: {thread.name} still runs after this block: end it, or use `with` for its pool"
                )


def last_line(error: BaseException | None) -> str:
    """`Type: message` of an error in one line: the first line of the message, and more dots if there are more lines."""
    if error is None:
        return ""
    lines = "".join(traceback.format_exception_only(error)).strip().splitlines()
    if isinstance(error, SyntaxError):
        return lines[-1]
    return lines[0] + (" ..." if len(lines) > 1 else "")


def describe(error: BaseException, block: Block) -> str:
    """`line: what happened`, and the traceback from the page on."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(OURS)]
    line = place(error, frames, block)
    if isinstance(error, SyntaxError):
        return f"{line}: {last_line(error)}\n\n" + "".join(traceback.format_exception_only(error)).rstrip()
    if isinstance(error, OutOfTime):
        return f"{line}: the page's time ran out here: make its examples smaller"
    if isinstance(error, MemoryError):
        what = f"{last_line(error)}: the page has used up its memory: make its examples smaller"
    elif isinstance(error, SystemExit):
        what = "a page must not call exit()"
    else:
        what = last_line(error)
    shown = "".join(traceback.format_list(frames))
    whole = "".join(traceback.format_exception_only(error)).rstrip()
    return f"{line}: {what}" + (f"\n\nTraceback (most recent call last):\n{shown}{whole}" if shown else "")


def place(error: BaseException, frames: list, block: Block) -> str:
    """The innermost line of the block's own files: a line of the page, or `file:line` of a snippet."""
    own = {str(chunk.path): chunk for chunk in block.chunks + block.tests}
    inside = [(f.filename, f.lineno) for f in frames if f.filename in own]
    if isinstance(error, SyntaxError) and error.filename in own:
        inside.append((error.filename, error.lineno))
    if not inside:
        return str(block.line)
    name, line = inside[-1]
    return str(line) if name.endswith(".md") else f"{block.line}: {name}:{line}"
