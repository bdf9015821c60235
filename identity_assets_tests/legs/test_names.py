"""The forms of names: what is one artist for matching, and what is not."""

import pytest

from identity_assets.legs.names import artist_forms, credit_of, forms_of_normalised


def share_a_form(one: str, other: str) -> bool:
    forms = artist_forms([one, other])
    return bool(set(forms[one]) & set(forms[other]))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann Vale & Bo Reed", "Ann Vale and Bo Reed"),
        ("Ann Vale & Bo Reed", "Ann Vale, Bo Reed"),
        ("Ann Vale & Bo Reed", "Ann Vale / Bo Reed"),
        ("Ann Vale & Bo Reed", "Ann Vale/Bo Reed"),
        ("Ann Vale & Bo Reed", "Ann Vale feat. Bo Reed"),
        ("Ann Vale & Bo Reed", "Ann Vale ft Bo Reed"),
        ("Ann Vale & Bo Reed", "Ann Vale FEATURING Bo Reed"),
        ("Ann Vale & Bo Reed", "Bo Reed & Ann Vale"),
        ("Ann Vale, Bo Reed & Cy Dahl", "Ann Vale, Bo Reed, and Cy Dahl"),
        ("Ann Vale & The Reeds", "Ann Vale and Reeds, The"),
        ("Pebbles, The", "The Pebbles"),
        ("Pebbles, The", "Pebbles"),
        ("Pebbles, the", "Pebbles, The"),
        ("AC/DC", "ACDC"),
        ("Earth, Wind & Fire", "Earth, Wind and Fire"),
        ("Various", "Various Artists"),
        ("Various", "Various Artists - Rock - C"),
        ("Various", "V/A"),
        ("Various", "Soundtracks - D"),
    ],
)
def test_these_are_one_artist(one: str, other: str) -> None:
    assert share_a_form(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann Vale & Bo Reed", "Ann Vale"),
        ("Ann Vale & Bo Reed", "Bo Reed"),
        ("Ann Vale & Bo Reed", "Ann Reed & Bo Vale"),
        ("Anchor and Fern", "Anchor"),
        ("Sandman", "S & Man"),
        ("Various", "Various Cruelties"),
        ("Pebbles, Theo", "Pebbles"),
        ("Кино", "Аквариум"),
    ],
)
def test_these_are_not_one_artist(one: str, other: str) -> None:
    assert not share_a_form(one, other)


def test_a_name_that_is_empty_after_normalising_has_no_form() -> None:
    names = ["!!!", "Кино", "&", ", The", ""]
    assert artist_forms(names) == dict.fromkeys(names, ())


def test_forms_in_a_batch_are_those_of_each_name_alone() -> None:
    names = ["Ann Vale & Bo Reed", "Various Artists - Rock - C", "The Beatles", "Ann Vale & Bo Reed", "V/A"]
    assert artist_forms(names) == {name: artist_forms([name])[name] for name in names}


def test_a_credit_drops_the_numbers_of_homonyms_and_remembers_whose_they_are() -> None:
    assert credit_of(["Lumen"]).homonym == ""
    assert (credit_of(["Lumen (2)"]).name, credit_of(["Lumen (2)"]).homonym) == ("Lumen", "Lumen (2)")
    assert credit_of(["Bo Reed (3)", "Ann Vale"]).name == "Ann Vale & Bo Reed"
    assert credit_of(["Ann Vale", "Ann Vale"]).name == "Ann Vale"
    assert credit_of(["Chicago (band)"]).name == "Chicago (band)"


@pytest.mark.parametrize(
    ("artist", "forms", "guess"),
    [
        ("lumen", ("lumen",), ""),
        ("lumen 2", ("lumen 2",), "lumen"),
        ("blink 182", ("blink 182",), "blink"),
        ("area 51000", ("area 51000",), ""),
        ("182", ("182",), ""),
        ("pebbles the", ("pebbles the", "pebbles"), ""),
        ("the", ("the",), ""),
        ("various artists", ("various artists", "various"), ""),
        ("various", ("various",), ""),
    ],
)
def test_where_only_the_normalised_name_is_known_a_last_number_is_a_guess(
    artist: str, forms: tuple[str, ...], guess: str
) -> None:
    assert forms_of_normalised(artist) == (forms, guess)
