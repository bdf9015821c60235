"""Somebody's own CSV of releases is read as it is, and what was understood of it is said."""

from collections import defaultdict
from pathlib import Path

import pytest
from wxyc_etl.text import (  # type: ignore[import-untyped]  # it ships no types
    is_compilation_artist,
    to_match_form,
)

from identity_assets.demo.catalogue import Catalogue
from identity_assets.demo.csv_input.releases import CsvOptions, CsvReleases, read_releases
from identity_assets.demo.csv_input.text import CsvError

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "freemusi-cc" / "releases.csv"

RELEASES = (
    ("Die Ärzte", "Geräusch"),
    ("Einstürzende Neubauten", "Fünf auf der nach oben offenen Richterskala"),
    ("Sigur Rós", "Ágætis byrjun"),
    ("Françoise Hardy", "Comment te dire adieu"),
    ("Motörhead", "Ace of Spades"),
)


def written(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "catalogue.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def pairs(read: CsvReleases) -> list[tuple[str | None, str]]:
    return [(row.artist_name, row.album_title) for row in read.catalogue.rows]


def lines_of(delimiter: str, *, header: str = "artist{}album", end: str = "\n") -> str:
    lines = [header.format(delimiter), *(f"{artist}{delimiter}{title}" for artist, title in RELEASES)]
    return "".join(line + end for line in lines)


# Encodings and delimiters


@pytest.mark.parametrize(
    ("codec", "said"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("cp1252", "Windows-1252"),
        ("mac_roman", "Mac Roman"),
    ],
)
@pytest.mark.parametrize(
    ("delimiter", "named"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "vertical bar")]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encoding_and_delimiter_are_detected_and_reported_in_one_line(
    tmp_path: Path, codec: str, said: str, delimiter: str, named: str, end: str
) -> None:
    read = read_releases(written(tmp_path, lines_of(delimiter, end=end).encode(codec)))
    assert pairs(read) == list(RELEASES)
    assert (
        read.messages[0]
        == f'catalogue.csv: {said}, {named}-separated; artist from "artist", title from "album"'
    )


def test_the_line_ends_of_old_macs_mean_mac_roman(tmp_path: Path) -> None:
    read = read_releases(written(tmp_path, "artist,album\rBjörk,Début\r".encode("mac_roman")))
    assert pairs(read) == [("Björk", "Début")]


def test_an_encoding_that_cannot_be_detected_can_be_named(tmp_path: Path) -> None:
    path = written(tmp_path, "artist,album\nŻywiołak,Nowa Ex-Tradycja\n".encode("iso8859-2"))
    assert pairs(read_releases(path, CsvOptions(encoding="iso8859-2"))) == [("Żywiołak", "Nowa Ex-Tradycja")]
    with pytest.raises(
        CsvError, match=r"is not UTF-8: byte 13 cannot be read; save it as UTF-8, or name its encod"
    ):
        read_releases(path, CsvOptions(encoding="utf-8"))
    with pytest.raises(CsvError, match=r"--encoding utf-9: there is no such encoding"):
        read_releases(path, CsvOptions(encoding="utf-9"))


def test_a_utf8_file_with_one_damaged_character_is_not_taken_for_another_encoding(tmp_path: Path) -> None:
    content = lines_of(",").encode() * 3 + b"Bj\xf6rk,Debut\n"
    with pytest.raises(CsvError, match="is not UTF-8: byte "):
        read_releases(written(tmp_path, content))


def test_a_delimiter_inside_quotes_or_in_the_other_columns_does_not_mislead(tmp_path: Path) -> None:
    path = written(
        tmp_path, 'artist;album;tags\n"Simon; Garfunkel";Bookends;folk,pop,1968\nAnts;Bees, the;a,b,c\n'
    )
    assert pairs(read_releases(path)) == [("Simon; Garfunkel", "Bookends"), ("Ants", "Bees, the")]


# Headings


@pytest.mark.parametrize(
    "header",
    [
        "artist_name,album_title",
        "Artist,Title",
        "ARTIST,ALBUM",
        " INTERPRETE,TÍTULO",
        "Intérprete , Álbum",
        "Album Artist,Album",
        "Band;Record",
        "Artiste;Titre",
        "performer,release title",
        "Künstler;Titel",
    ],
)
def test_the_usual_headings_are_found_in_any_case_and_trimmed(tmp_path: Path, header: str) -> None:
    delimiter = ";" if ";" in header else ","
    assert pairs(read_releases(written(tmp_path, f"{header}\nAnts{delimiter}Bees\n"))) == [("Ants", "Bees")]


def test_the_better_heading_wins_where_a_file_has_several(tmp_path: Path) -> None:
    path = written(tmp_path, "title,artist,album,album artist\nSong,Guest,Bees,Ants\n")
    assert pairs(read_releases(path)) == [("Ants", "Bees")]


def test_a_heading_of_ones_own_is_named_by_the_option(tmp_path: Path) -> None:
    path = written(tmp_path, "Nombre del grupo, Disco\nNiña Pastori,Cañaílla\n")
    chosen = CsvOptions(artist_columns=("nombre del GRUPO",))
    assert pairs(read_releases(path, chosen)) == [("Niña Pastori", "Cañaílla")]
    with pytest.raises(CsvError) as error:
        read_releases(path)
    assert "has no column for the artist that is known by name" in str(error.value)
    assert "the first line has (Nombre del grupo, Disco); name one of them with --artist-column" in str(
        error.value
    )
    with pytest.raises(CsvError, match="has no column Grupo: the first line has"):
        read_releases(path, CsvOptions(artist_columns=("Grupo",)))


def test_a_name_that_fills_two_columns_is_joined(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "First Name,Last Name,Album\nNina,Simone,Pastel Blues\n,Sun Ra,Lanquidity\nMoondog,,Moondog\n",
    )
    read = read_releases(path, CsvOptions(artist_columns=("First Name", "Last Name")))
    assert [artist for artist, _ in pairs(read)] == ["Nina Simone", "Sun Ra", "Moondog"]
    assert 'artist from "First Name + Last Name"' in read.messages[0]


def test_a_file_without_a_header_is_read_by_the_numbers_of_its_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "Ants;1999;Bees\nWasps;2001;Hornets\n")
    read = read_releases(path, CsvOptions(title_columns=("3",), has_header=False))
    assert pairs(read) == [("Ants", "Bees"), ("Wasps", "Hornets")]
    assert 'artist from "column 1", title from "column 3"' in read.messages[0]
    with pytest.raises(CsvError, match="has no column 4: give --title-column a number from 1 to 3"):
        read_releases(path, CsvOptions(title_columns=("4",), has_header=False))
    with pytest.raises(CsvError, match="or give --no-header if that line is a release"):
        read_releases(path)


# Rows


def test_blank_lines_and_empty_cells_at_the_end_are_dropped(tmp_path: Path) -> None:
    path = written(tmp_path, "artist;album;;\nAnts;Bees;;\n;;\n \n;;;\nWasps;Hornets\nMoths;Gnats;;a note\n")
    read = read_releases(path)
    assert pairs(read) == [("Ants", "Bees"), ("Wasps", "Hornets"), ("Moths", "Gnats")]
    assert read.messages[1] == "3 releases; left out: 3 blank lines"


def test_a_file_of_nothing_but_delimiters_gives_no_library(tmp_path: Path) -> None:
    with pytest.raises(CsvError, match="has no words, only delimiters"):
        read_releases(written(tmp_path, ";;\n" * 487))
    with pytest.raises(CsvError, match="has a header and no rows:"):
        read_releases(written(tmp_path, "artist;album;\n" + ";;\n" * 487))


@pytest.mark.parametrize("first_line", ["sep=;\n", "\ufeffsep=;\r\n", "SEP=;\n"])
def test_the_line_of_excel_that_names_the_delimiter_is_no_row(tmp_path: Path, first_line: str) -> None:
    read = read_releases(written(tmp_path, f"{first_line}artist;album\nAnts, the;Bees\n"))
    assert pairs(read) == [("Ants, the", "Bees")]
    assert read.messages[1] == "1 release"
    with pytest.raises(CsvError, match="line 3: a NUL byte"):
        read_releases(written(tmp_path, f"{first_line}artist;album\nC\0;D\n"))


def test_artist_and_title_are_trimmed(tmp_path: Path) -> None:
    assert pairs(read_releases(written(tmp_path, 'artist,album\n  Ants ,"\tBees  "\n'))) == [("Ants", "Bees")]


def test_odd_rows_are_counted_in_one_line(tmp_path: Path) -> None:
    long = "x" * 129
    rows = [
        "Ants,Bees,1",
        "Ants,Bees,2",
        ",Untitled,3",
        "Ants,,4",
        ",,5",
        f"{long},Bees,6",
        "",
        "Ants,Bees,7",
    ]
    read = read_releases(written(tmp_path, "artist,album,year\n" + "\n".join(rows) + "\n"))
    assert read.messages[1] == (
        "6 releases; of these 1 without an artist, 1 without a title, 2 with the artist and title of an earlier row, "
        "1 with a name cut to 128 characters; left out: 1 row without artist and title, 1 blank line"
    )
    assert pairs(read)[4] == ("x" * 128, "Bees")


def test_a_name_that_is_cut_is_shown_as_it_is_loaded(tmp_path: Path) -> None:
    read = read_releases(written(tmp_path, f"artist,album\n{'x' * 129},{'y' * 3000}\n"))
    assert read.messages[2] == f'  row 1: artist "{"x" * 128}", title "{"y" * 128}"'


def test_the_first_three_rows_are_shown_as_they_were_understood(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        'year,album,artist,canonical_entity_id\n1,B,"A, the",discogs:5\n2,D,C,\n3,"F\nG",,\n4,H,I,\n',
    )
    assert read_releases(path).messages[2:] == (
        '  row 1: artist "A, the", title "B", canonical entity discogs:5',
        '  row 2: artist "C", title "D"',
        '  row 3: artist "", title "F G"',
    )


def test_a_row_is_a_release_with_a_blank_artist_as_null(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "\ufeffalbum_title,year,artist_name,canonical_entity_id\r\n"
        'Bees,1999,"Ants, The",discogs:5\r\n'
        ",2001,Ants,\r\n"
        '"Two\nlines",2002,  ,\r\n'
        "\r\n"
        "Short\r\n"
        "Again,2003,Ants,\r\n",
    )
    catalogue = read_releases(path).catalogue
    assert catalogue.artists == ("Ants, The", "Ants", "(unknown)")
    assert [(row.artist_id, row.artist_name, row.album_title) for row in catalogue.rows] == [
        (1, "Ants, The", "Bees"),
        (2, "Ants", ""),
        (3, None, "Two\nlines"),
        (3, None, "Short"),
        (2, "Ants", "Again"),
    ]
    assert [row.canonical_entity_id for row in catalogue.rows] == ["discogs:5", None, None, None, None]
    assert catalogue.rows[0].canonical_entity_resolved_at is not None
    assert {row.code_volume_letters for row in catalogue.rows} == {None}


def test_what_lml_knows_of_a_csv_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    names = [f"Artist {number}" for number in range(2_000)]
    spellings = [name.upper() for name in names]
    lines = "".join(f"{name},T\n" for name in [*names, *spellings, "Various Artists", ""])
    path = written(tmp_path, "artist_name,album_title\n" + lines)
    known = read_releases(path).catalogue.known_artists
    assert known == read_releases(path, seed=1).catalogue.known_artists
    assert known != read_releases(path, seed=2).catalogue.known_artists
    assert len(known) / 4_000 == pytest.approx(0.6, abs=0.04)
    assert not known & {"Various Artists", "(unknown)"}
    together = defaultdict(set)
    for name in [*names, *spellings]:
        together[to_match_form(name)].add(name in known)
    assert all(len(answers) == 1 for answers in together.values())


# Faults


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty: give a CSV with a header"),
        ("\ufeff \n", "is empty: give a CSV with a header"),
        ("artist_name,album_title\n", "has a header and no rows:"),
        ("artist,album,year\n,,1999\n", "has a header and no rows with an artist or a title:"),
        (b"\xef\xbb\xbfartist_name\n\xff\n", "is not UTF-8: byte 15 "),
        (b"PK\x03\x04\x14\0\x06\0", "is a workbook or another ZIP file: save the sheet of releases as CSV"),
        ("artist^album\nA^B\n", "has one column: no comma, semicolon, tab or | separates 'artist^album'"),
        ("artist,album\nA,B\nC\0,D\n", "line 3: a NUL byte; take it out"),
        ('artist,album\nA,"B\n', "line 2: unexpected end of data; mend its quotes"),
        ('artist,album\nA,"B\nC,D\nE,F\n', "line 2: unexpected end of data; mend its quotes"),
        (
            'artist,album\nA,B\n"C,D\n' + "E,F\n" * 40_000,
            "line 3: field larger than field limit (131072); mend its quotes",
        ),
        (
            "artist,album\nA,B\nA,B,C\nA,B,C,D\n",
            "line 3: 3 cells where the first line has 2 (2 lines are too long): if comma is the wrong delimiter, "
            "save the file with another one; else quote cells that hold a comma",
        ),
    ],
)
def test_a_csv_that_cannot_be_read_is_named_with_its_cure_in_one_line(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    path = written(tmp_path, content)
    with pytest.raises(CsvError) as error:
        read_releases(path)
    assert said in str(error.value)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_a_path_that_is_no_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(CsvError, match="is not there: give the path of a CSV file"):
        read_releases(tmp_path / "nowhere.csv")
    with pytest.raises(CsvError, match="is a directory: give the path of a CSV file"):
        read_releases(tmp_path)


# The real catalogue


@pytest.fixture(scope="module")
def real() -> Catalogue:
    if not REAL.exists():
        pytest.skip("the real catalogue ../shared/data/freemusi-cc is not here")
    return read_releases(REAL).catalogue


def test_the_real_catalogue_is_read_whole_without_an_option(real: Catalogue) -> None:
    assert len(real.rows) == 2_289
    assert real.census().full_only_va == 386
    assert sum(row.album_title == "" for row in real.rows) == 2
    assert len(real.artists) == len(set(real.artists))
    candidates = {name for name in real.artists if not is_compilation_artist(name)}
    assert len(real.known_artists) / len(candidates) == pytest.approx(0.6, abs=0.05)


@pytest.mark.parametrize("codec", ["utf-16", "cp1252", "mac_roman"])
def test_the_real_catalogue_is_read_in_every_encoding(tmp_path: Path, real: Catalogue, codec: str) -> None:
    known = REAL.read_text(encoding="utf-8").encode(codec, "ignore")
    read = read_releases(written(tmp_path, known))
    expected = [(row.artist_name or "").encode(codec, "ignore").decode(codec).strip() for row in real.rows]
    assert [row.artist_name or "" for row in read.catalogue.rows] == expected
