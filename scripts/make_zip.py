"""Pack the site into a zip that can be read from a folder, with search, where there is neither server nor network.

Builds it with OFFLINE set (see mkdocs.yml) below .cache/, and writes the zip beside the home page of the site, which
must have been built before. The same pages give the same bytes.

Example: python -m scripts.make_zip site/convnets-checked.zip
"""

import argparse
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from scripts.get_assets import ROOT

BUILT = ROOT / ".cache" / "offline"
PYTHON = "assets/vendor/pyodide/"  # a page in a folder may start no worker, see docs/assets/run.js
FOLDER = "convnets-checked"  # what the zip unpacks to
ONLINE = {"sw.js", "sitemap.xml", "sitemap.xml.gz", "404.html", "search/search_index.json"}
EPOCH = (1980, 1, 1, 0, 0, 0)  # the zip format knows no earlier time


def build_offline(target: Path) -> None:
    """Build the site for a folder. Raises SystemExit when a page is wrong."""
    environment = {**os.environ, "OFFLINE": "true", "SITE_DIR": str(target), "ZIP": "", "NO_MKDOCS_2_WARNING": "1"}
    code = subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"], cwd=ROOT, env=environment)
    if code.returncode:
        sys.exit("the pages cannot be built: see above")


def pack(folder: Path, target: Path) -> int:
    """Write the files of `folder` that a reader without a network needs; return how many they are."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    wanted = [(path, path.relative_to(folder).as_posix()) for path in files]
    wanted = [(path, name) for path, name in wanted if name not in ONLINE and not name.endswith(".map")]
    wanted = [(path, name) for path, name in wanted if not name.startswith(PYTHON)]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path, name in wanted:
            archive.writestr(zipfile.ZipInfo(f"{FOLDER}/{name}", EPOCH), path.read_bytes(), zipfile.ZIP_DEFLATED, 9)
    return len(wanted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", type=Path, help="the zip to write")
    target = parser.parse_args().target
    if not target.parent.is_dir():
        parser.error(f"{target.parent} is no folder: build the site first, with make zip")
    build_offline(BUILT)
    files = pack(BUILT, target)
    print(f"{target}: {files} files, {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
