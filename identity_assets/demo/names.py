"""How the seeded catalogue's names are made: invented artists and titles in eight scripts, and misspellings.

Not here: which row gets a name, and whether the name is in use already.
"""

from collections.abc import Callable, Sequence
from random import Random

MAX_LENGTH = 128


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_ADJECTIVES = _words(
    "Amber Ashen Bitter Borrowed Brittle Broken Burning Cardboard Careless Chalk Cobalt Copper Crooked "
    "Distant Drowsy Dusty Electric Empty Faded Feral Foggy Forgotten Frozen Gilded Glass Golden Gravel "
    "Hidden Hollow Humming Indigo Iron Ivory Jagged Lazy Leaden Lonesome Lucid Lunar Marble Midnight "
    "Misplaced Mossy Nervous Northern Paper Patient Plastic Polite Quiet Radiant Reluctant Restless "
    "Rusted Salted Scarlet Second Secret Silver Sleeping Slow Southern Sudden Tidal Tin Unlikely Velvet "
    "Violet Wandering Wooden"
)
_NOUNS = _words(
    "Anchor Antenna Apricot Atlas Badger Balcony Ballast Beacon Bicycle Bramble Canary Candle Canyon "
    "Cathedral Cellar Cinder Compass Coyote Cricket Curtain Dahlia Engine Falcon Feather Fern Ferry "
    "Fiddle Furnace Garden Gazelle Glacier Hammer Harbor Harvest Heron Horizon Island Kettle Kingdom "
    "Ladder Lantern Magpie Mantle Meadow Meridian Mirror Mosquito Orchard Otter Oyster Parade Pendulum "
    "Pigeon Pilot Pocket Portrait Quarry Railway Raven Ribbon Satellite Shadow Signal Sparrow Station "
    "Swimmer Telegram Thistle Thunder Tractor Turbine Umbrella Valley Violin Wagon Walnut Whistle "
    "Window Zeppelin"
)
_FIRST_NAMES = _words(
    "Ada Agnes Alma Basil Bertie Carlo Cleo Dario Delia Edith Elmo Enid Fergus Flora Gus Hattie Hollis "
    "Ida Ines Jasper June Kit Lena Lionel Mabel Magnus Marcus Mina Nell Odell Opal Otis Pearl Quincy "
    "Ramona Roscoe Ruth Silas Stella Thea Tobias Una Vera Wilbur Xenia Yusuf Zelda"
)
_ONSETS = _words("b br c ch d dr f fl g gr h k kl l m n p pr qu r s sh sl st t tr v w z")
_VOWELS = _words("a e i o u ae ea io ou")
_CODAS = ("", "", "l", "m", "n", "nd", "r", "rk", "s", "st", "t", "x")
_ACCENTED_ONSETS = _words("b bj č d ð f g gj h hl k kv l ł m ñ p r s š sk t v ž þ")
_ACCENTED_VOWELS = _words("á ä å é ê ë í ï ó ö ø ú ü ý a e i o u")
_ACCENTED_CODAS = ("", "", "l", "ll", "n", "nn", "r", "rð", "s", "ś", "ń", "k")

_CYRILLIC = _words(
    "Медный Тихий Синий Ночной Старый Полярный Пыльный Зимний Дальний Лунный Трамвай Маяк Колодец "
    "Фонарь Перрон Якорь Ледник Журавль Граммофон Ветер Берег Компас Чердак Омут Сигнал Ёлочник"
)
_GREEK = _words(
    "Σκιά Πέτρα Λιμάνι Νύχτα Καπνός Θάλασσα Φάρος Σιωπή Ήχος Κύμα Άνεμος Δρόμος Καθρέφτης Στάχτη Βροχή "
    "Ορίζοντας Γέφυρα Φεγγάρι Ρολόι Σύννεφο Χρόνος Αστέρι Πηγάδι Χελιδόνι"
)
_JAPANESE = _words(
    "夜明け 電車 透明 水槽 灯台 金魚 氷河 青空 遠雷 鉄塔 月面 回廊 砂時計 屋上 楽団 図書室 ミドリ "
    "カモメ ラジオ サイレン ゆうれい さざなみ あかり ひまわり"
)
_KOREAN = _words(
    "새벽 기차 등대 유리 바다 그림자 겨울 나침반 골목 안개 우산 달빛 정거장 메아리 파도 종이배 구름 "
    "별자리 창문 소금 모래 연못 라디오 고래"
)
_ARABIC = _words(
    "ليل قطار مرآة بحر ظل نافذة صدى مطر قمر رمال جسر غيمة منارة وتر ساعة حديقة رصيف نورس شمعة دخان نهر "
    "صيف ورق نجمة"
)
_HEBREW = _words(
    "לילה רכבת מראה ים צל חלון הד גשם ירח חולות גשר ענן מגדלור מיתר שעון גינה רציף שחף נר עשן נהר קיץ "
    "נייר כוכב"
)

GENRES = (
    "Rock",
    "Jazz",
    "Hip Hop",
    "Electronic",
    "Blues",
    "Reggae",
    "Soul",
    "Africa",
    "Asia",
    "Latin",
    "OCS",
)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def artist_name(rng: Random) -> str:
    """An invented artist's name of at most `MAX_LENGTH` characters. It is not blank and not a compilation's name."""
    (make,) = rng.choices(_MAKERS, _WEIGHTS)
    return make(rng)[:MAX_LENGTH]


def album_title(rng: Random) -> str:
    """An invented title of at most `MAX_LENGTH` characters. About one in 1,500 is blank."""
    chance = rng.random()
    if chance < 1 / 1500:
        return ""
    if chance < 1 / 500:
        return _long_title(rng)[:MAX_LENGTH].rstrip()
    if chance < 0.2:
        return artist_name(rng)
    (make,) = rng.choices((_plain_title, _live_title, _numbered_title), (80, 8, 12))
    return make(rng)


def compilation_name(rng: Random) -> str:
    """The artist name that the catalogue prints for a compilation or a soundtrack."""
    chance = rng.random()
    if chance < 0.3:
        return "Various Artists"
    if chance < 0.9:
        return f"Various Artists - {rng.choice(GENRES)} - {rng.choice(_LETTERS)}"
    return f"Soundtracks - {rng.choice(_LETTERS)}"


def misspelt(rng: Random, name: str) -> str:
    """The name with two letters swapped, one letter left out, or one letter doubled."""
    at = rng.randrange(max(1, len(name) - 1))
    before, here, there, after = name[:at], name[at : at + 1], name[at + 1 : at + 2], name[at + 2 :]
    misspellings = (
        before + there + here + after,
        before + there + after,
        before + here + here + there + after,
    )
    return rng.choice(misspellings)[:MAX_LENGTH]


def _invented_word(rng: Random, onsets: Sequence[str], vowels: Sequence[str], codas: Sequence[str]) -> str:
    syllables = (
        rng.choice(onsets) + rng.choice(vowels) + rng.choice(codas) for _ in range(rng.choice((2, 2, 3)))
    )
    return "".join(syllables).capitalize()


def _surname(rng: Random) -> str:
    return _invented_word(rng, _ONSETS, _VOWELS, _CODAS)


def _band(rng: Random) -> str:
    adjective, noun, other = rng.choice(_ADJECTIVES), rng.choice(_NOUNS), rng.choice(_NOUNS)
    first, surname = rng.choice(_FIRST_NAMES), _surname(rng)
    return rng.choice(
        (
            f"The {adjective} {noun}s",
            f"{adjective} {noun} {other}",
            f"{noun} & {other}",
            f"{surname} & the {adjective} {noun}s",
            f"{first}'s {noun}",
            f"The {surname} {noun}",
            f"{noun} of {surname}",
            f"{adjective} {surname}",
        )
    )


def _person(rng: Random) -> str:
    first, surname = rng.choice(_FIRST_NAMES), _surname(rng)
    return rng.choice(
        (
            f"{first} {surname}",
            f"{first} {rng.choice(_LETTERS)}. {surname}",
            f"{first} O'{surname}",
            f"{surname}, {first}",
            f"The {first} {surname} {rng.choice(('Trio', 'Quartet', 'Ensemble', 'Band'))}",
        )
    )


def _accented(rng: Random) -> str:
    words = [
        _invented_word(rng, _ACCENTED_ONSETS, _ACCENTED_VOWELS, _ACCENTED_CODAS)
        for _ in range(rng.choice((1, 2, 2)))
    ]
    return " ".join(words)


def _of_words(words: Sequence[str], joint: str, separator: str = " ") -> Callable[[Random], str]:
    """Make names of one to three of these words. Three words get the joint, an "and", after the first."""

    def make(rng: Random) -> str:
        chosen = rng.choices(words, k=rng.choice((1, 2, 2, 3, 3)))
        if len(chosen) == 3:
            chosen[1:1] = [joint]
        return separator.join(chosen)

    return make


_MAKERS: tuple[Callable[[Random], str], ...] = (
    _band,
    _person,
    _accented,
    _of_words(_CYRILLIC, "и"),
    _of_words(_GREEK, "&"),
    _of_words(_JAPANESE, "と", ""),
    _of_words(_KOREAN, "&"),
    _of_words(_ARABIC, "و"),
    _of_words(_HEBREW, "&"),
)
_WEIGHTS = (40, 32, 14, 3, 3, 3, 2, 1.5, 1.5)


def _plain_title(rng: Random) -> str:
    adjective, noun, other = rng.choice(_ADJECTIVES), rng.choice(_NOUNS), rng.choice(_NOUNS)
    return rng.choice(
        (
            f"{adjective} {noun}",
            f"The {noun} & the {other}",
            f"{noun}s for the {adjective}",
            f"Don't Wake the {noun}",
            f"One {noun} in {_surname(rng)}",
            f"{noun}",
            f"{adjective}/{other}",
            f'"{noun}"',
        )
    )


def _live_title(rng: Random) -> str:
    return f"Live at the {rng.choice(_NOUNS)} ({rng.randint(1958, 2024)})"


def _numbered_title(rng: Random) -> str:
    return (
        f"{rng.choice(_NOUNS)}, Vol. {rng.randint(1, 12)}"
        if rng.random() < 0.5
        else f"{rng.choice(_NOUNS)} EP"
    )


def _long_title(rng: Random) -> str:
    return "; or, ".join(_plain_title(rng) for _ in range(12))
