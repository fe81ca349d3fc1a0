"""Full stops that do not end a sentence: abbreviations and ordinals of the languages that are spoken here."""

from __future__ import annotations

__all__ = ["BEFORE_NUMBER", "ORDINALS", "STARTERS", "abbreviations"]

BEFORE_NUMBER = frozenset({"no", "nos", "p", "art", "sec", "par", "nr", "núm", "nº", "č", "str", "с", "стр"})
"""Words that are abbreviations only where a number follows: "No. 5", but "He said no. We left."."""

STARTERS = frozenset(
    """
    a an and as at but for he her his i if in it my no on our she so that the their then there these they
    this to we what when where who why yes you your
    """.split()  # noqa: SIM905 - sixty quoted words would read worse
)
"""Words that, written large behind "U.S." or "p.m.", begin a sentence; a name there does not."""

ORDINALS = frozenset({"de", "cs", "pl", "hu", "tr"})
"""Languages in which "2." is "second": behind a number of one or two digits a sentence goes on. Where one
does end there, two are read as one, which costs a pause; a cut in a date would cost its meaning.
"""

_EVERYWHERE = "mr mrs ms dr prof st vs cf"

_ABBREVIATIONS = {
    "en": """mt ft gen gov sen rep capt lt col sgt cmdr rev hon pres supt cpl maj adm pl fr msgr e.g i.e
        viz approx vol fig figs ch pp ed eds al ca jan feb mar apr jun jul aug sep sept oct nov dec""",
    "de": """hr fr frl bzw usw z z.b d.h u.a o.ä v.a z.t ggf evtl inkl exkl ca nr str tel abs abb bsp vgl
        sog s.o s.u mio mrd jh jan feb aug sept okt nov dez geb gest ing hl""",
    "es": """sr sra srta srtas d dña ud uds p ej p.ej ee.uu av avda c núm pág págs vol cap art ing lic
        gral cía a.c d.c ene feb abr jun jul ago sept oct nov dic""",
    "fr": """m mm mme mmes mlle me p.ex c.-à-d av apr env chap art vol fig éd janv févr avr juil sept oct
        nov déc bd boul""",
    "it": """sig sigg sig.ra sig.na dott dott.ssa ing avv arch geom on ecc es p.es pag vol cap art gen
        feb apr giu lug ago sett ott nov dic c.so p.za""",
    "pt": """sr sra srta d exmo exma av r pág págs vol cap art ex p.ex núm jan fev abr jun jul ago set
        out nov dez eng arq ltda""",
    "pl": """p pan mgr inż hab lek red gen płk ks św ul al pl tzn tzw np itd itp m.in in ok godz min nr
        str wg r w zob por""",
    "tr": "sn bn av doç yrd öğr gör alb gen vb vs örn bkz cad sok mah apt no s t.c m.ö m.s yy",
    "ru": """г гг г-н г-жа д р-н т.е т.д т.п т.к др пр ул пл просп им см рис стр тыс млн млрд руб коп
        напр проф""",
    "nl": """dhr mevr mw ir ing drs mr bv b.v bijv enz o.a d.w.z m.a.w nl nr blz p t.a.v t.o.v i.p.v ca
        jan feb apr aug sept okt nov dec""",
    "cs": """p pí mgr ing bc mudr judr phdr rndr doc csc tzn tzv např atd apod tj aj mj č str ul nám kč
        tis mil mld r stol""",
    "hu": """ifj id özv dr pl ill stb kb vö ún ti u.n i.e u.i.sz sz u ker kft zrt jan febr márc ápr aug
        szept okt nov dec""",
}  # fmt: skip


def abbreviations(language: str) -> frozenset[str]:
    """Words whose full stop is part of them, in lower case and without it, of a BCP 47 language."""
    own = _ABBREVIATIONS.get(language.partition("-")[0].lower(), "")
    return frozenset(f"{_EVERYWHERE} {own}".split())
