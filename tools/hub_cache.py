"""Hugging Face's cache, which by default lies in the home folder: not every user has one."""

from __future__ import annotations

from tools.errors import StorageError


def hub_cache_is_known() -> bool:
    """Whether it has a place; where it has none, nothing is in it."""
    from huggingface_hub import constants

    return not constants.HF_HUB_CACHE.startswith("~")


def check_hub_cache() -> None:
    """Make sure that something could be fetched into it.

    Raises:
        StorageError: it has no place.
    """
    if not hub_cache_is_known():
        raise StorageError(
            "Hugging Face's cache would be in the home folder, and this user has none (HOME is not set): name a folder "
            "with HF_HOME."
        )
