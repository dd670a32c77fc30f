import shutil
from pathlib import Path

import pytest

from infra import cli
from infra.run_folder import run_folder
from schemas.errors import InvariantError, ResourceError


def kept_after(ending: BaseException | None, named: Path | None = None) -> tuple[Path, list[str]]:
    """The folder of a run that wrote something and ended like this, and what was said."""
    said: list[str] = []
    try:
        with run_folder(named, "--keep", "test", said.append) as folder:
            (folder / "trainer.log").touch()
            if ending:
                raise ending
    except (InvariantError, KeyboardInterrupt):
        pass
    return folder, said


@pytest.mark.parametrize(("ending", "stays"), [(None, False), (KeyboardInterrupt(), False), (InvariantError(), True)])
def test_a_temporary_folder_stays_where_it_may_say_what_went_wrong(ending: BaseException | None, stays: bool) -> None:
    folder, said = kept_after(ending)
    assert folder.exists() == stays
    assert said == ([f"Data and logs are left in {folder}"] if stays else [])
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("ending", [None, KeyboardInterrupt(), InvariantError()])
def test_a_folder_that_was_named_stays(ending: BaseException | None, tmp_path: Path) -> None:
    folder, said = kept_after(ending, tmp_path / "mine")
    assert (folder / "trainer.log").exists()
    assert said == [f"Data and logs are left in {folder}"]


def test_what_fails_before_it_wrote_anything_leaves_nothing() -> None:
    said: list[str] = []
    with pytest.raises(InvariantError), run_folder(None, "--keep", "test", said.append) as folder:
        raise InvariantError
    assert not folder.exists()
    assert said == []


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResourceError, match="with --keep"), run_folder(tmp_path / "file", "--keep", "test", print):
        pass


@pytest.mark.parametrize("command", ["chaos", "soak"])
def test_a_folder_with_something_in_it_is_refused(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "something").touch()
    assert cli.run([command, "--keep", str(tmp_path)]) == 2
    assert "Name another folder with --keep" in capsys.readouterr().err
