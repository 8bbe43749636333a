"""Word lists of the lexical comparison: English function words, negations, numbers, units, opposites, classes.

Only data, written by hand for this project; nothing enters, nothing fails. A class is a set of words of which one
excludes the others in the same place: who asks about one does not want the answer about another.
"""

from __future__ import annotations


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


FUNCTION = _set("""a an the this that these those there here it its he she they them his her hers their theirs him
    i me my mine we us our ours you your yours myself itself yourself themselves who whom whose what
    which when where why how
    am is are was were be been being do does did doing done have has had having will would shall should can could may
    might must ought need let lets get got getting to of in on at by for from with about into onto over under up down
    out off through during between among against within upon as than then so too very just also only even still yet
    again and or but if because while until although though since unless both either each every any some all such own
    same more most please pls kindly hey hi hello thanks thank ok okay well oh uh um hmm tell give show
    know like want wanted way thing things something anything one ones really actually currently exactly
    if s t d ll m re ve""")

NEGATIONS = _set(
    "not no never without cannot neither nor none nobody nothing nowhere hardly barely except excluding unless"
)

CONTRACTIONS: dict[str, str] = {
    "can't": "can not", "cannot": "can not", "won't": "will not", "shan't": "shall not", "ain't": "is not",
    "cant": "can not", "wont": "will not", "dont": "do not", "doesnt": "does not", "didnt": "did not",
    "isnt": "is not", "arent": "are not", "wasnt": "was not", "werent": "were not", "hasnt": "has not",
    "havent": "have not", "hadnt": "had not", "couldnt": "could not", "shouldnt": "should not",
    "wouldnt": "would not", "whats": "what is", "wheres": "where is", "whos": "who is", "hows": "how is",
    "thats": "that is", "theres": "there is", "im": "i am", "ive": "i have", "id": "id", "gimme": "give me",
    "wanna": "want to", "gonna": "going to", "gotta": "got to", "lemme": "let me",
}  # fmt: skip

QUESTIONS = _set("what which who whom whose when where why how")

PAST = _set("was were did had went")
PRESENT = _set("is are am do does has have")

NUMBERS: dict[str, int] = {
    "zero": 0, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
    "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90,
}  # fmt: skip
SCALES: dict[str, int] = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
ROMAN: dict[str, int] = {"II": 2, "III": 3, "IV": 4, "VI": 6, "VII": 7, "VIII": 8, "IX": 9}

# Units that mean a measure wherever they stand.
UNITS: dict[str, str] = {
    "$": "usd", "usd": "usd", "dollar": "usd", "dollars": "usd", "bucks": "usd", "€": "eur", "eur": "eur",
    "euro": "eur", "euros": "eur", "£": "gbp", "gbp": "gbp", "sterling": "gbp", "¥": "jpy", "jpy": "jpy", "yen": "jpy",
    "cny": "cny", "yuan": "cny", "chf": "chf", "francs": "chf", "inr": "inr", "rupee": "inr", "rupees": "inr",
    "aud": "aud", "cad": "cad", "btc": "btc", "bitcoin": "btc", "eth": "eth", "%": "percent", "percent": "percent",
    "celsius": "c", "fahrenheit": "f", "kelvin": "k", "km": "km", "kilometers": "km", "kilometres": "km",
    "kilometer": "km", "miles": "mi", "mile": "mi", "kg": "kg", "kilograms": "kg", "kilos": "kg", "lbs": "lb",
    "gb": "gb", "gigabytes": "gb", "mb": "mb", "megabytes": "mb", "tb": "tb", "terabytes": "tb", "mph": "mph",
    "kmh": "kmh", "liters": "l", "litres": "l", "gallons": "gal",
}  # fmt: skip

# Units only behind a number.
UNITS_AFTER_NUMBER: dict[str, str] = {
    "m": "m", "meter": "m", "meters": "m", "metres": "m", "cm": "cm", "mm": "mm", "ft": "ft", "feet": "ft",
    "foot": "ft", "inch": "in", "inches": "in", "yd": "yd", "yards": "yd", "lb": "lb", "pound": "lb", "pounds": "lb",
    "oz": "oz", "ounces": "oz", "g": "g", "grams": "g", "l": "l", "ml": "ml", "cup": "cup", "cups": "cup", "c": "c",
    "f": "f", "k": "k", "second": "s", "seconds": "s", "sec": "s", "secs": "s", "minute": "min", "minutes": "min",
    "min": "min", "mins": "min", "hour": "h", "hours": "h", "hr": "h", "hrs": "h", "h": "h", "day": "d", "days": "d",
    "week": "w", "weeks": "w", "month": "mo", "months": "mo", "year": "y", "years": "y", "yr": "y", "yrs": "y",
    "am": "am", "pm": "pm", "ms": "ms", "kb": "kb", "bit": "bit", "bits": "bit", "byte": "b", "bytes": "b",
}  # fmt: skip

_OPPOSITES = """on/off open/close open/shut start/stop begin/end enable/disable increase/decrease raise/lower up/down
    left/right buy/sell hot/cold allow/deny allow/forbid permit/forbid accept/reject add/remove include/exclude
    cover/exclude first/last min/max minimum/maximum highest/lowest best/worst most/least more/less more/fewer
    before/after above/below push/pull lock/unlock login/logout upload/download send/receive deposit/withdraw
    deposit/withdrawal incoming/outgoing inbound/outbound import/export encrypt/decrypt encode/decode
    connect/disconnect install/uninstall activate/deactivate subscribe/unsubscribe freeze/unfreeze mute/unmute
    block/unblock follow/unfollow load/unload legal/illegal safe/unsafe safe/dangerous valid/invalid active/inactive
    available/unavailable eligible/ineligible possible/impossible compatible/incompatible secure/insecure
    visible/invisible public/private internal/external domestic/international domestic/foreign local/remote
    manual/automatic manually/automatically required/optional mandatory/optional free/paid cheap/expensive
    cheapest/expensive new/old early/late earlier/later earliest/latest fast/slow faster/slower win/lose won/lost
    pass/fail passed/failed true/false yes/no full/empty high/low long/short wet/dry strong/weak rich/poor
    male/female asc/desc ascending/descending input/output source/destination client/server sender/recipient
    lend/borrow debit/credit profit/loss positive/negative advantage/disadvantage advantages/disadvantages pro/con
    pros/cons benefit/risk benefits/risks benefits/drawbacks optimistic/pessimistic ascend/descend attach/detach
    expand/collapse show/hide visible/hidden sync/async synchronous/asynchronous compiled/interpreted
    static/dynamic mutable/immutable with/without can/cannot waive/charge waived/charged entry/exit
    arrive/depart arrival/departure arrivals/departures arriving/departing lend/borrow approve/decline
    approved/declined approve/reject pros/cons temporary/permanent one-way/round-trip war/peace boil/freeze"""
OPPOSITES: frozenset[tuple[str, str]] = frozenset(
    (a, b) for pair in _OPPOSITES.split() for x, y in [pair.split("/")] for a, b in ((x, y), (y, x))
)

_CLASSES: dict[str, str] = {
    "tier": "basic standard premium plus pro gold silver platinum bronze diamond free starter enterprise business "
    "personal student teen senior junior family individual corporate metal vip economy first-class",
    "weekday": "monday tuesday wednesday thursday friday saturday sunday",
    "month": "january february march april june july august september october november december",
    "day": "yesterday today tomorrow tonight",
    "part": "morning noon afternoon evening night midnight",
    "season": "spring summer autumn winter",
    "colour": "red green blue yellow black white orange purple pink brown grey gray",
    "relation": "mother father mom dad brother sister wife husband son daughter uncle aunt cousin boss grandmother "
    "grandfather",
    "account": "checking savings mortgage loan brokerage investment pension retirement ira 401k cd heloc",
    "card": "debit credit prepaid virtual gift",
    "transfer": "wire ach zelle swift sepa paypal venmo bacs",
    "code": "python java javascript typescript rust ruby php perl kotlin swift golang scala haskell bash sql c c++ c#",
    "system": "windows linux macos mac android ios ubuntu debian",
    "structure": "string list array dict dictionary tuple set integer float boolean",
    "meal": "breakfast lunch dinner brunch",
    "planet": "mercury venus earth mars jupiter saturn uranus neptune pluto",
    "size": "small medium large tiny huge",
    "direction": "north south east west",
    "rate": "daily weekly monthly quarterly yearly annual annually hourly",
    "rank": "first second third fourth fifth",
}
CLASS_OF: dict[str, str] = {word: name for name, words in _CLASSES.items() for word in words.split()}

PREFIXES = _set("un in im ir il dis non de mis anti")

# Small words of other languages that are no English words.
ELSEWHERE = _set("""der das und ist nicht ich sie wir ein eine einen einem mit auf für von zu wie kann mein meine bitte
    le les des du est et je nous vous une pour dans sur avec puis pourquoi quel quelle qui ne pas
    el los las es yo una por para cómo qué cuál puedo dónde cuándo del lo
    il gli che di è io un uno mio posso della nel sono quando
    uma em meu minha posso qual não é eu onde quando
    de het een en ik niet wat hoe mijn kan op voor zijn waar
    jak jest nie się czy mój moje moja gdzie när jag är och det att inte på för hur vad""")
