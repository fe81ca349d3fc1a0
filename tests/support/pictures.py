"""Makes the photos that the pipeline's tests need; run by the vision environment's Python.

Argument: the folder to write to.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageOps

SAMPLE = Path(__file__).parents[2] / "envs/vision-py312/vision_worker/samples/portrait.png"


def main(folder: Path) -> None:
    sample = Image.open(SAMPLE).convert("RGB")
    sample.save(folder / "me.jpg", quality=92)

    blank = Image.new("RGB", (512, 512), (200, 190, 180))
    blank.save(folder / "blank.png")

    two = Image.new("RGB", (1024, 512))
    two.paste(sample, (0, 0))
    two.paste(ImageOps.mirror(sample), (512, 0))
    two.save(folder / "two.png")

    tiny = Image.new("RGB", (512, 512), (90, 110, 90))
    tiny.paste(sample.resize((120, 120), Image.Resampling.LANCZOS), (200, 200))
    tiny.save(folder / "tiny.png")

    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: turn by 90 degrees clockwise to view
    sample.rotate(90, expand=True).save(folder / "turned.jpg", quality=92, exif=exif)

    (folder / "truncated.jpg").write_bytes((folder / "me.jpg").read_bytes()[:9000])
    (folder / "text.jpg").write_text("This is not a picture.")


main(Path(sys.argv[1]))
