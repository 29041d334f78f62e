"""What Gradio reads from the environment, set before it is imported."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

_LOCAL_ONLY = {
    # Exactly "True" would switch it on, and with it a version check on another host.
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_MCP_SERVER": "False",
    "GRADIO_RUN_HISTORY": "False",
    "GRADIO_SSR_MODE": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
_NO_STATISTICS = {
    # After every event that has waited in its queue, Gradio makes a table of the last 10,000 for a
    # page of its own, which is not offered: milliseconds and 47 kB an event that do not come back.
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(sys.maxsize),
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",
}


def keep_gradio_local() -> None:
    """Switch off everything in Gradio that would talk to another host, or keep count of visits."""
    os.environ.update(_LOCAL_ONLY | _NO_STATISTICS)


@cache
def upload_folder() -> Path:
    """The private folder that uploads go to; removed when the process ends.

    Gradio's default is one folder for all users of the machine.
    """
    folder = Path(tempfile.mkdtemp(prefix="image-similarity-")).resolve()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    return folder
