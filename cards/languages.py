"""Languages in the words of a card."""

from __future__ import annotations

from collections.abc import Sequence

NAMES = dict(
    entry.split("=")
    for entry in """
    af=Afrikaans am=Amharic an=Aragonese ar=Arabic ary=Moroccan_Arabic arz=Egyptian_Arabic
    as=Assamese az=Azerbaijani be=Belarusian bg=Bulgarian bn=Bengali br=Breton bs=Bosnian ca=Catalan
    cs=Czech cy=Welsh da=Danish de=German dz=Dzongkha el=Greek en=English eo=Esperanto es=Spanish
    et=Estonian eu=Basque fa=Persian fi=Finnish fo=Faroese fr=French fy=Frisian ga=Irish
    gd=Scottish_Gaelic gl=Galician gu=Gujarati ha=Hausa he=Hebrew hi=Hindi hr=Croatian
    ht=Haitian_Creole hu=Hungarian hy=Armenian id=Indonesian ig=Igbo is=Icelandic it=Italian
    ja=Japanese jv=Javanese ka=Georgian kk=Kazakh km=Khmer kn=Kannada ko=Korean ku=Kurdish ky=Kyrgyz
    la=Latin lb=Luxembourgish lg=Ganda ln=Lingala lo=Lao lt=Lithuanian lv=Latvian mg=Malagasy
    mk=Macedonian ml=Malayalam mn=Mongolian mr=Marathi ms=Malay mt=Maltese my=Burmese ne=Nepali
    nl=Dutch nn=Norwegian_Nynorsk no=Norwegian oc=Occitan or=Odia pa=Punjabi pl=Polish ps=Pashto
    pt=Portuguese qu=Quechua ro=Romanian ru=Russian rw=Kinyarwanda sa=Sanskrit sd=Sindhi si=Sinhala
    sk=Slovak sl=Slovenian sn=Shona so=Somali sq=Albanian sr=Serbian sv=Swedish sw=Swahili ta=Tamil
    te=Telugu tg=Tajik th=Thai ti=Tigrinya tk=Turkmen tl=Tagalog tr=Turkish tt=Tatar ug=Uyghur
    uk=Ukrainian ur=Urdu uz=Uzbek vi=Vietnamese wa=Walloon wuu=Wu_Chinese xh=Xhosa yi=Yiddish
    yo=Yoruba yue=Cantonese zh=Chinese zu=Zulu
    """.split()  # noqa: SIM905
)
"""English names by ISO 639 code, of the languages that the classifier knows best."""
_UNKNOWN = ("und", "zxx", "mul")
_LIKE_CONSONANTS = ("Uk", "Uy", "Eu")


def describe(codes: Sequence[str], last: str = "and") -> str:
    """Languages before a noun, such as "English" or "French and German"; empty if unknown."""
    names = [
        NAMES.get(code.partition("-")[0], code).replace("_", " ")
        for code in codes
        if code not in _UNKNOWN
    ]
    return f" {last} ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def add_article(codes: Sequence[str], noun: str) -> str:
    """One of something in these languages, such as "an English sentence"."""
    words = " ".join(filter(None, [describe(codes, "or"), noun]))
    vowel = words[0] in "AEIOUaeiou" and not words.startswith(_LIKE_CONSONANTS)
    return f"{'an' if vowel else 'a'} {words}"
