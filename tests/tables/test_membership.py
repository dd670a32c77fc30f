"""A folder is one member of its group, and of several processes in it one has its name."""

import shutil
from pathlib import Path

import pytest

from tables.errors import FolderError
from tables.membership import Membership


def test_a_folder_is_the_same_member_at_every_start(tmp_path: Path) -> None:
    first = Membership(tmp_path)
    name = first.name
    assert name
    del first
    assert Membership(tmp_path).name == name
    assert [file.name for file in tmp_path.iterdir()] == ["member"]


def test_of_two_in_one_folder_one_has_the_name(tmp_path: Path) -> None:
    first, second = Membership(tmp_path), Membership(tmp_path)
    assert first.name
    assert second.name is None
    name = first.name
    del first
    assert Membership(tmp_path).name == name


def test_a_copy_of_a_folder_is_another_member(tmp_path: Path) -> None:
    original = tmp_path / "one"
    original.mkdir()
    name = Membership(original).name
    shutil.copytree(original, tmp_path / "other")
    assert Membership(tmp_path / "other").name != name


def test_a_folder_that_cannot_be_used_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FolderError, match="member cannot be written"):
        Membership(tmp_path / "file")
