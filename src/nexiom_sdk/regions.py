"""Countries by their ISO 3166-1 codes, and the areas that licences speak of."""

from __future__ import annotations

_EUROPEAN_UNION = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905
)
_COUNTRIES = frozenset(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC
    CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD
    GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH
    KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW
    MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC
    SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY
    UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW XK
    """.split()  # noqa: SIM905
)
_ALSO = {"UK": "GB"}  # reserved for it by the standard, and written by many


def is_region(code: str) -> bool:
    """Whether a code stands for a country, or for the European Union.

    Example:
        >>> is_region("de"), is_region("EU"), is_region("EN")
        (True, True, False)
    """
    return code.isascii() and (_plain(code) in _COUNTRIES or _plain(code) == "EU")


def overlap(one: str, other: str) -> bool:
    """Whether two regions have a country in common.

    Example:
        >>> overlap("DE", "EU"), overlap("EU", "DE"), overlap("GB", "UK"), overlap("CH", "EU")
        (True, True, True, False)
    """
    return not _countries(one).isdisjoint(_countries(other))


def _countries(code: str) -> frozenset[str]:
    plain = _plain(code)
    return _EUROPEAN_UNION if plain == "EU" else frozenset({plain})


def _plain(code: str) -> str:
    return _ALSO.get(code.upper(), code.upper())
