"""Write the demo images, labelled by folder, to a folder of your own."""

from __future__ import annotations

import argparse
from pathlib import Path


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write to")
    parser.add_argument(
        "--per-kind", type=int, default=64, help="pictures of each of the ten kinds"
    )
    parser.add_argument("--size", type=int, default=192, help="side in pixels")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other pictures")
    return parser.parse_args()


def main() -> None:
    """Draw and write."""
    arguments = parse_arguments()
    from models import demo_images

    demo_images.generate(
        arguments.out, per_kind=arguments.per_kind, size=arguments.size, seed=arguments.seed
    )


if __name__ == "__main__":
    main()
