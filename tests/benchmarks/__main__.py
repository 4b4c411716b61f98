"""Runs every benchmark beside this file, each in a process of its own: what `make bench` does.

Figures go to standard output. A benchmark that fails is named, the others go on.
"""

import subprocess
import sys
from pathlib import Path

failed = 0
for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
    print(f"\n{path.stem}\n", flush=True)  # noqa: T201
    failed += subprocess.run([sys.executable, path, *sys.argv[1:]], check=False).returncode != 0
sys.exit(1 if failed else 0)
