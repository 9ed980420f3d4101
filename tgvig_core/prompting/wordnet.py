"""WordNet 3.0 (Miller 1995) and Webster's Second for NLTK: found, or prepared once, offline if possible."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import tempfile
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.folders import cache_dir

if TYPE_CHECKING:
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

DEBIAN_WORDNET = Path("/usr/share/wordnet")
DEBIAN_WEBSTER = Path("/usr/share/dict/web2")  # the file of the package miscfiles; `words` beside it may be any list
WORDNET_FILES = (
    *(f"{kind}.{pos}" for kind in ("data", "index") for pos in ("noun", "verb", "adj", "adv")),
    *(f"{pos}.exc" for pos in ("noun", "verb", "adj", "adv")),
    "index.sense",
    "cntlist.rev",
)
# lexnames(5WN): the 45 lexicographer files in the order of their numbers; Debian's package leaves the file out.
LEXNAMES = (
    "adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact noun.attribute noun.body noun.cognition "
    "noun.communication noun.event noun.feeling noun.food noun.group noun.location noun.motive noun.object noun.person "
    "noun.phenomenon noun.plant noun.possession noun.process noun.quantity noun.relation noun.shape noun.state "
    "noun.substance noun.time verb.body verb.change verb.cognition verb.communication verb.competition "
    "verb.consumption verb.contact verb.creation verb.emotion verb.motion verb.perception verb.possession "
    "verb.social verb.stative verb.weather adj.ppl"
).split()
POS_NUMBER = {"noun": 1, "verb": 2, "adj": 3, "adv": 4}
# NLTK looks synsets up by seeking in one open file a part of speech: two threads would read each other's lines.
WORDNET_LOCK = threading.RLock()
DOWNLOAD_TIMEOUT = 15  # seconds a silent server is waited for


def nltk_data_dir() -> Path:
    """Where prepared corpora lie: nltk_data in the cache folder."""
    return cache_dir() / "nltk_data"


def lexnames_text() -> str:
    """The `lexnames` file: 45 lines "number<TAB>name<TAB>part-of-speech number" (lexnames(5WN))."""
    lines = (f"{i:02d}\t{name}\t{POS_NUMBER[name.split('.')[0]]}\n" for i, name in enumerate(LEXNAMES))
    return "".join(lines)


def ensure_wordnet(data_dir: Path | None = None) -> Path:
    """Find WordNet 3.0 for NLTK, or prepare it in data_dir: a copy of Debian's, else NLTK's download.

    Returns:
        The corpus folder; its place in the zip file where NLTK keeps it packed.

    Raises:
        TgvigError: WordNet is not on this machine and cannot be fetched.
    """
    data_dir = data_dir or nltk_data_dir()
    found = _place("wordnet", data_dir)
    if found is None and all((DEBIAN_WORDNET / name).is_file() for name in WORDNET_FILES):
        _copy_wordnet(data_dir)
        found = _place("wordnet", data_dir)
    if found is None:
        _download("wordnet", data_dir)
        found = _place("wordnet", data_dir)
    if found is None:
        raise TgvigError(
            f"WordNet is not on this machine, could not be downloaded, and is not in {data_dir}. Run "
            "`apt-get install wordnet-base wordnet-sense-index`, or where there is a network "
            f"`python -m nltk.downloader -d {data_dir} wordnet`."
        )
    return found


def ensure_words(data_dir: Path | None = None) -> Path:
    """Find Webster's Second International (235 k words): Debian's web2, else NLTK's corpus `words`, else its download.

    Returns:
        A text file with one word a line.

    Raises:
        TgvigError: the list is not on this machine and cannot be fetched.
    """
    if DEBIAN_WEBSTER.is_file():
        return DEBIAN_WEBSTER
    data_dir = data_dir or nltk_data_dir()
    for attempt in (lambda: None, lambda: _download("words", data_dir)):
        attempt()
        found = _place("words", data_dir)
        if found is not None and (found / "en").is_file():
            return found / "en"
    raise TgvigError(
        f"The word list (Webster's Second) is not on this machine and could not be downloaded to {data_dir}. Run "
        "`apt-get install miscfiles`, or where there is a network "
        f"`python -m nltk.downloader -d {data_dir} words`; or use the vocabulary `relations` or `wordnet`."
    )


@functools.lru_cache(maxsize=1)
def wordnet() -> WordNetCorpusReader:
    """NLTK's reader of WordNet 3.0, built once a process (about 3 s). Hold WORDNET_LOCK to call and to use it.

    Raises:
        TgvigError: see ensure_wordnet, or the files found are damaged.
    """
    ensure_wordnet()
    from nltk.corpus.reader.wordnet import WordNetCorpusReader  # here, because importing nltk takes seconds

    class EnglishReader(WordNetCorpusReader):
        """WordNet without the map to other languages' wordnets, which doubles the loading time."""

        def map_wn(self, version: str = "wordnet") -> None:
            return None

    root = _find("wordnet", nltk_data_dir())
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The multilingual functions")
            return EnglishReader(root, None)
    except (OSError, ValueError, AssertionError) as error:
        raise TgvigError(f"WordNet in {root} cannot be read ({error}). Delete that folder and try again.") from error


def _place(corpus: str, data_dir: Path) -> Path | None:
    """Where a corpus lies: our own copy, which is told without the seconds that importing NLTK takes, or any of NLTK's."""
    own = data_dir / "corpora" / corpus
    found = own if own.is_dir() else _find(corpus, data_dir)
    return None if found is None else Path(str(found))


def _find(corpus: str, data_dir: Path):
    """NLTK's pointer to a corpus folder (or to the folder in its zip), or None; our own copy before any other.

    data_dir is put at the end of nltk.data.path: NLTK reads from nowhere else.
    """
    import nltk

    if str(data_dir) not in nltk.data.path:
        nltk.data.path.append(str(data_dir))
    for name in (f"corpora/{corpus}", f"corpora/{corpus}.zip/{corpus}/"):
        try:
            return nltk.data.find(name, [str(data_dir), *nltk.data.path])
        except LookupError:
            continue
    return None


def _copy_wordnet(data_dir: Path) -> None:
    """Copy Debian's files beside a fresh lexnames; the folder appears whole or not at all.

    Copies and no links: NLTK refuses links that leave the corpus folder, and folders that others may write to.
    """
    corpora = data_dir / "corpora"
    try:
        corpora.mkdir(parents=True, exist_ok=True, mode=0o755)
        with tempfile.TemporaryDirectory(prefix=".wordnet-", dir=corpora) as folder:
            draft = Path(folder) / "wordnet"
            draft.mkdir(mode=0o755)
            for name in WORDNET_FILES:
                shutil.copyfile(DEBIAN_WORDNET / name, draft / name)
            (draft / "lexnames").write_text(lexnames_text(), encoding="ascii")
            with contextlib.suppress(OSError):  # another process was first
                os.replace(draft, corpora / "wordnet")
    except OSError as error:
        raise TgvigError(
            f"WordNet could not be copied to {corpora} ({error}). Set TGVIG_CACHE to a folder that can be written."
        ) from error


def _download(corpus: str, data_dir: Path) -> None:
    """NLTK's own download, giving up quickly: a failure is told by the caller, who finds nothing."""
    import nltk
    from nltk import downloader

    usual = downloader.NETWORK_TIMEOUT
    downloader.NETWORK_TIMEOUT = DOWNLOAD_TIMEOUT
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o755)
        nltk.download(corpus, download_dir=str(data_dir), quiet=True)
    except (OSError, ValueError, LookupError):
        pass  # no network, or no room: the caller looks whether the corpus is there now and says how to get it
    finally:
        downloader.NETWORK_TIMEOUT = usual
