"""Named public sets: where each comes from, under which terms, and how its tables are made.

Nothing of them is part of this package. They are downloaded from their official addresses, on request only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import pyarrow as pa

from benchmarks.data import kuairand, movielens, online_retail, sales
from benchmarks.data.errors import InputError

Tables = Mapping[str, pa.Table]
GROUPLENS = "https://files.grouplens.org/datasets/movielens"
TWEETS = "https://raw.githubusercontent.com/sidooms/MovieTweetings/master/latest"
MOVIELENS_TERMS = "Research use only; no redistribution and no commercial use without permission of GroupLens: "
MOVIELENS_CITATION = (
    "F. M. Harper, J. A. Konstan (2015): The MovieLens Datasets: History and Context. ACM TiiS 5(4), "
    "https://doi.org/10.1145/2827872"
)


def _as_it_is(content: bytes) -> bytes:
    return content


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file at its official address.

    Attributes:
        checksum: `md5:...` or `sha256:...` of the canonical content; None where upstream still changes it.
        canonical: brings the content into the form that the checksum is of.
    """

    address: str
    name: str
    checksum: str | None
    canonical: Callable[[bytes], bytes] = _as_it_is


@dataclass(frozen=True, slots=True)
class PublicSet:
    """A public set of interactions.

    Attributes:
        files: to download: one archive, or the members themselves.
        members: names of the files that `prepare` needs, wherever in the archive they are.
        prepare: member name -> path; gives the tables interactions, items and, where there are any, users.
        megabytes: to download.
        rows, users, items: about what to expect.
    """

    name: str
    title: str
    files: tuple[RemoteFile, ...]
    members: tuple[str, ...]
    prepare: Callable[[Mapping[str, Path]], Tables]
    megabytes: int
    rows: int
    users: int
    items: int
    terms: str
    citation: str

    @property
    def checked(self) -> bool:
        """Whether what is downloaded is compared with a checksum."""
        return all(file.checksum for file in self.files)


SETS = {
    one.name: one
    for one in (
        PublicSet(
            "ml-100k", "MovieLens 100K: ratings of films, 1997-1998",
            (RemoteFile(f"{GROUPLENS}/ml-100k.zip", "ml-100k.zip", "md5:0e33842e24a9c977be4e0107933c0723"),),
            ("u.data", "u.item", "u.user", "u.genre"), movielens.ml_100k,
            5, 100_000, 943, 1_682, f"{MOVIELENS_TERMS}{GROUPLENS}/ml-100k-README.txt", MOVIELENS_CITATION,
        ),
        PublicSet(
            "ml-1m", "MovieLens 1M: ratings of films, 2000-2003",
            (RemoteFile(f"{GROUPLENS}/ml-1m.zip", "ml-1m.zip", "md5:c4d9eecfca2ab87c1945afe126590906"),),
            ("ratings.dat", "movies.dat", "users.dat"), movielens.ml_1m,
            6, 1_000_209, 6_040, 3_706, f"{MOVIELENS_TERMS}{GROUPLENS}/ml-1m-README.txt", MOVIELENS_CITATION,
        ),
        PublicSet(
            "movietweetings", "MovieTweetings: ratings of films from tweets, February to November 2013",
            tuple(RemoteFile(f"{TWEETS}/{name}", name, None) for name in ("ratings.dat", "movies.dat")),
            ("ratings.dat", "movies.dat"), movielens.movietweetings,
            30, 141_695, 21_081, 12_611, "MIT: https://github.com/sidooms/MovieTweetings/blob/master/LICENSE",
            "S. Dooms, T. De Pessemier, L. Martens (2013): MovieTweetings: a Movie Rating Dataset Collected From "
            "Twitter. CrowdRec at RecSys",
        ),
        PublicSet(
            "kuairand-pure", "KuaiRand-Pure: short videos shown, clicked and watched, April to May 2022",
            (RemoteFile(
                "https://zenodo.org/records/10439422/files/KuaiRand-Pure.tar.gz", "KuaiRand-Pure.tar.gz",
                "md5:0820331067a3784d9691136f772b35a7",
            ),),
            kuairand.MEMBERS, kuairand.kuairand_pure,
            50, 1_436_609, 27_285, 7_551, "CC BY-SA 4.0: https://creativecommons.org/licenses/by-sa/4.0/",
            "C. Gao et al. (2022): KuaiRand: An Unbiased Sequential Recommendation Dataset with Randomly Exposed "
            "Videos. CIKM, https://doi.org/10.1145/3511808.3557624",
        ),
        PublicSet(
            "online-retail", "Online Retail: a year of a shop's sales, 2010-2011",
            (RemoteFile(sales.ADDRESS, sales.FILE, f"sha256:{sales.SHA256}", sales.in_package_form),),
            (sales.FILE,), online_retail.online_retail,
            46, 396_370, 4_335, 3_659, "CC BY 4.0: https://creativecommons.org/licenses/by/4.0/",
            "D. Chen (2015): Online Retail. UCI Machine Learning Repository, https://doi.org/10.24432/C5BW33",
        ),
    )
}  # fmt: skip


def named(name: str) -> PublicSet:
    """The public set of this name.

    Raises:
        InputError: there is none.
    """
    if name in SETS:
        return SETS[name]
    near = get_close_matches(name.lower(), SETS, n=1)
    guess = f" Is it {near[0]}?" if near else ""
    raise InputError(f"there is no public set {name!r}; there are {', '.join(SETS)}.{guess}")
