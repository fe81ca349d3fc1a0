"""Of files that may be of use again those used longest ago go first."""

from __future__ import annotations

import os
from pathlib import Path

from shared_schema.kept import forget_oldest


def test_the_newest_stay_and_other_files_are_none_of_its_business(tmp_path: Path) -> None:
    for age, name in enumerate(("new.bin", "old.bin", "older.bin", "oldest.bin", "ancient.txt")):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    forget_oldest(tmp_path, "*.bin", 2)
    assert {path.name for path in tmp_path.iterdir()} == {"new.bin", "old.bin", "ancient.txt"}
    forget_oldest(tmp_path, "*.bin", 2)
    assert len(list(tmp_path.iterdir())) == 3
