"""Fetches a model's files from a Hugging Face hub, or a mirror of it; goes on where it stopped.

The only module that knows huggingface_hub, which is imported when it is needed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator.models.manifest import Model
from shared_schema.errors import FetchFailed, WeightsError

__all__ = ["Remote", "download", "look_up"]


class Remote(NamedTuple):
    """A file on the hub: its size in bytes, and its SHA-256 in hex where the manifest or the hub tells it."""

    path: str
    size: int
    sha256: str


def look_up(model: Model) -> tuple[str, list[Remote]]:
    """The commit that the model's revision stands for, and its files. FetchFailed where it cannot be had.

    WeightsError where a file is missing, or is not the one that the manifest knows.
    """
    from huggingface_hub import HfApi  # noqa: PLC0415 - takes a moment
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # noqa: PLC0415

    try:
        info = HfApi().model_info(model.repository, revision=model.revision, files_metadata=True)
    except (HTTPError, OSError) as error:
        raise _failed(model, error) from error
    there = {sibling.rfilename: sibling for sibling in info.siblings or []}
    files = [
        Remote(path, there[path].size or 0, _digest(model, path, there[path].lfs))
        for path in model.among(there, f"{model.repository} at {model.revision}")
    ]
    return info.sha or model.revision, files


def _digest(model: Model, path: str, stored: Any) -> str:
    """What a file must have; "" where nobody says. WeightsError where the hub has another file by now."""
    stated: str = stored.sha256 if stored else ""
    published = model.files[path].sha256 if path in model.files else ""
    if stated and published and stated != published:
        raise WeightsError(
            f"{path} of {model.repository} is not the file that it was when this version was made.",
            "Take another mirror (HF_ENDPOINT), or a newer version of this program.",
        )
    return published or stated


def download(model: Model, commit: str, remote: Remote, folder: Path, tell: Callable[[Remote], None]) -> None:
    """Bring one file into `folder`, unless it is there whole. FetchFailed; WeightsError for other bytes.

    A file that broke off is gone on with; one that came damaged is removed.
    """
    from huggingface_hub import hf_hub_download  # noqa: PLC0415
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # noqa: PLC0415

    path = folder / remote.path
    if path.is_file() and _is_whole(path, remote):
        return
    tell(remote)
    try:
        hf_hub_download(model.repository, remote.path, revision=commit, local_dir=folder, tqdm_class=_bar())
    except (HTTPError, OSError) as error:
        raise _failed(model, error) from error
    if not _is_whole(path, remote):
        path.unlink()
        raise WeightsError(
            f"{remote.path} of {model.repository} came damaged.",
            "Try again, or take another mirror (HF_ENDPOINT).",
        )


def _bar() -> Any:
    """huggingface_hub's bar, without a name, which `tell` has said, and gone when the file is there."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]  # noqa: PLC0415

    class Bar(tqdm):
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            own = {**settings, "desc": "   ", "leave": False}
            super().__init__(*arguments, **own)  # type: ignore[no-untyped-call]

    return Bar


def _is_whole(path: Path, remote: Remote) -> bool:
    if path.stat().st_size != remote.size:
        return False
    if not remote.sha256:
        return True
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == remote.sha256


def _failed(model: Model, error: Exception) -> FetchFailed:
    """The error in words, with what to do."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    hints = {
        401: "It asks for a token: log in on its page and set HF_TOKEN.",
        403: "It asks for a token: accept its terms on its page and set HF_TOKEN.",
        404: "Is HF_ENDPOINT a mirror that has it?",
    }
    if status is None:
        return FetchFailed(
            f"The hub cannot be reached for {model.repository}: {_first_line(error)}",
            "Check the network, set HF_ENDPOINT to a mirror, or bring the files with `avatar models import`.",
        )
    return FetchFailed(
        f"The hub answers {status} for {model.repository}.", hints.get(status, "Try again later.")
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
