"""How a process that holds something is called in the messages of others."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def this_process() -> str:
    """How others are told who holds something: pid and command."""
    command = Path(sys.argv[0] or "python")
    name = f"python -m {command.parent.name}" if command.name == "__main__.py" else command.name
    return f"process {os.getpid()} ({' '.join([name, *sys.argv[1:]])[:200]})"
