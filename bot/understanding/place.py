"""Buildings, units and rooms as residents write them: 三幢2单元302, 10-2-601, building 7 room 302, 六动二但愿四零幺."""

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache

LONGEST = 1000  # characters; whoever writes more has told the address by then
DIGITS = {c: n for n, several in enumerate(["零〇", "一幺", "二两", *"三四五六七八九"]) for c in several}
TENS = {"十": 10, "百": 100, "千": 1000}
SIMPLER = str.maketrans("棟栋單號樓層點–—", "幢幢单号楼层点--")
BLANKS = re.compile(r"\s+")
WEEKDAY = re.compile(r"(周|星期|礼拜)[一二三四五六日天]")
SPELT = re.compile(r"(?!(?<=[哪每这那整同])一幢|一座)[零〇一幺二两三四五六七八九十百千]{1,9}")  # 哪一幢 names none
ENGLISH = "one|won two|too three|tree four five six seven eight|ate nine ten eleven twelve"
SPELT_OUT = {word: str(n) for n, several in enumerate(ENGLISH.split(), 1) for word in several.split("|")}
NAMED = re.compile(rf"(?<![a-z])(block|unit) ({'|'.join(SPELT_OUT)})(?![a-z])", re.IGNORECASE)

LIKE_BUILDING = "[动冻洞懂董壮撞状庄装桩妆]"
OTHER_WORDS = "[修饰置态况元作画静手力物工口不到上了过得掉坏事心士汉丁年观稼严]"  # 动不, 装修, 状态, 桩事
# What voice input and hurried fingers make of an address, and what was meant. Only a number tells it from other words.
HEARD = (
    (r"(?<=\d) ?[单丹但担旦胆淡蛋][元原员园圆缘愿院远源]", "单元"),  # 二但愿
    (r"(?<=[\da-z])[号好耗] ?(?:[楼搂]幢?|幢)|(?<=\d)#(?!\d{5})", "幢"),  # 3号楼, 3号棟, 8#1单元
    (rf"(?<=\d)(?<!(?<!\d)1){LIKE_BUILDING}(?!{OTHER_WORDS})", "幢"),  # 三壮, 15撞, 十一动; 一动不动 is none
    (rf"(?<=\d){LIKE_BUILDING}(?= ?\d+(?:单元|\d\d))", "幢"),  # 一动三单元
    (r"(?<=\d) ?[杠-] ?(?=\d)", "-"),  # 14杠1杠902, 3 - 2 - 501
    (r"(?<![a-z])(?:b(?:ui?|i)lding|buliding|blg|bldg|blk|twr|tower)(?![a-z])", "block"),
    (r"(?<![a-z])block for(?= unit)", "block 4"),  # building for unit too
)
MEANT = tuple((re.compile(pattern, re.IGNORECASE), word) for pattern, word in HEARD)

# Numbers that count or name something else; they are taken out before places are looked for.
SPAN = r"(?<![\d-])\d{1,6}(?:[-~至到:.,]\d{1,6})? ?"
OTHERWISE = (
    rf"{SPAN}(?:[点岁个倍折级票次届斤吨秒周页只条件张份万%月年钟日班胶局]|小时|医院|中学)",  # 7-8点, 3-5岁
    rf"{SPAN}(?:天(?!花)|[人名位](?!行)|分(?!水|户)|[元块](?!旦)|户(?![主型口]))",  # 2-3天, but not 302天花板
    rf"{SPAN}(?:楼(?![上下])|[层度米平]|公里|号(?![楼幢单])|路(?![灯口面边])|线(?!路))",  # 14楼, 3号门, 2号线, 605路
    rf"{SPAN}(?:(?:的|打)?比[分赛]|[胜负赢输])",  # 2-1的比分
    rf"{SPAN}(?:am|pm|o'?clock|min|hour|day|night|week|month|year|people|person|kid|time|yuan|rmb|usd|kwh|word|floor)",
    r"\d{1,3}(?:st|nd|rd|th)(?![a-z]| (?:block|unit))",  # 2nd floor, the 12th
    r"(?:day|周|午|晚上|早上|from|between|score|比分|line|court|gate|level|vote|won|lost|open|fri|hours) ?\d{1,2}-\d{1,2}(?![\d-])",
    r"(?:ticket|case|order|code|bay|spot|bus|route|price|车位|[编工单尾]号|尾数|口令|电话|日结|[码单柜满减]|[￥¥$]|[交花充]了)"
    r"[ :.号#是no]{0,5}(?:[a-z]\d?-)?\d{1,8}(?:-\d{1,8})*",  # 工单12, ticket 882, my spot A-117
    r"(?:19\d\d|20\d\d)[-/.]\d{1,2}(?:[-/.]\d{1,2})?",  # 2026-11-28
    r"(?:since|until|year|in(?= 20[01]\d)) ?(?:19|20)\d\d(?!\d)",  # since 2008
)
ELSE = re.compile("|".join(f"(?:{pattern})" for pattern in OTHERWISE), re.IGNORECASE)

BUILDING = r"(?<![\da-z-])(?<!\d[.:])(?P<building>[a-z]?\d{1,3}[a-z]?|[a-z])"
ROOM = r"(?P<room>\d{3,4}[a-z]?)(?!-?\d)"
DOOR = r"(?:[1-9]|[12]\d|3[0-4])(?:0[1-9]|1[0-2])"  # storey and door: 302, 1402
NUMBERS = "(?:110|112|911|1111|1212)"  # to be called, or days to go shopping
# How a home is written, the surest first; a later one adds only what the earlier ones have not told.
WRITTEN = (
    rf"{BUILDING}-(?P<unit>\d{{1,2}})-{ROOM}",  # 10-2-601, 20b-1-302
    rf"{BUILDING}/(?P<unit>\d)/{ROOM}",  # 9/1/204
    rf"{BUILDING} ?[幢座][ -]*(?P<unit>\d{{1,2}})-{ROOM}",  # 3幢2-302
    rf"(?<![a-z])block[ #]*(?P<building>\d{{1,2}})[ ,-]+(?P<unit>\d)-{ROOM}",  # building 3, 2-1102
    rf"(?<![a-z])unit[ #]*(?P<unit>\d)-{ROOM}",  # unit 2-302
    rf"{BUILDING} ?(?:幢|座(?![位椅桥山塔城亭车]))",  # 三幢, B座, 5号楼
    # 4 bldg, 3rd building, B tower; in "7 building 2 unit" the 7
    r"(?<![a-z\d-])(?P<building>\d{1,2}|[b-h])(?:st|nd|rd|th)? block(?![a-z]| ?#?\d+(?!\d| ?unit))",
    r"(?<![a-z])block[ .,]*(?:no\.?)?[ #]*(?P<building>\d{1,3}[a-z]?)(?![a-z\d])",  # building 7, bldg #7, tower 3
    # block C, in building a; "building a fence" and "the building I live in" are none
    r"(?<![a-z])block (?P<building>(?-i:[A-H])|[b-h]|a(?= ?(?:$|[,.;!?])))(?![a-z\d'’])",
    r"(?<!\d)(?P<unit>\d{1,2})号? ?单元",  # 2单元
    r"(?<![a-z\d])(?P<unit>\d{1,2})(?:st|nd|rd|th)? unit(?![a-z]| ?#?\d{1,2}(?!\d))",  # 2 unit 1102
    r"(?<![a-z])(?:unit|entrance) ?(?:no\.?)?[ #]*(?P<unit>\d{1,2})(?![a-z\d])",  # unit 3
    rf"(?:幢|座|单元)[ ,，-]*{ROOM}",  # 5幢401, 2单元302
    r"(?<!\d)(?P<room>\d{2,4}) ?(?:室|房(?![东产价租贷]))",  # 1203室
    r"(?<![a-z])(?:room|rm|apt|apartment|flat|unit)[ .]*(?:no\.?)?[ #]*(?P<room>\d{2,4}[a-z]?|\d[a-z])(?![a-z\d])",  # apt 4B
    rf"(?<![a-z\d/.-])(?P<building>\d{{1,3}}[a-h]?|[a-h])-{ROOM}",  # 7-703; the garage's B1-217 is none
    r"(?<![a-z\d/.-])(?P<building>\d{1,2}[a-h]?)-(?P<unit>[1-9])(?![a-z\d/.:=]|-\d+(?![\d楼层])| ?[幢座])",  # 8-1, 10-2-7楼
    # the path behind 11, the door of No. 16
    r"(?:behind|outside|opposite|(?:lobby|entrance|stairs|stairwell|roof|door) (?:of|to)) (?:no\.? ?|#)?"
    r"(?P<building>\d{1,2})(?![\w:.%-])",
    r"(?<![a-z])(?:in|at|by|near|from) (?:no\.? ?|#)(?P<building>\d{1,2})(?![\w:.%-])",  # the bulb in #1
    r"(?<![a-z])(?:no\.? ?|#)(?P<building>\d{1,2})(?=,? unit)",  # No. 5, unit 2
    # smoke from 1402, 楼上三零三
    rf"(?<![\da-z./:#-])(?!{NUMBERS}(?!\d))(?P<room>{DOOR})(?![a-z\d%:/-]|[.,]\d| ?(?:幢|座|单元|block|unit))",
)
FORMS = tuple(re.compile(pattern, re.IGNORECASE) for pattern in WRITTEN)


@dataclass(frozen=True, slots=True)
class Home:
    """Where in the neighbourhood: strings without unit words, empty where not said."""

    building: str = ""
    unit: str = ""
    room: str = ""


@lru_cache(maxsize=1024)  # each run of a handler looks through all that was said
def home_in(text: str) -> Home:
    """The building, unit and room a sentence names."""
    told = ELSE.sub(" … ", _figured(text))
    home = Home()
    for form in FORMS:
        names = form.groupindex
        if not any(getattr(home, name) for name in names) and (match := form.search(told)):
            home = replace(home, **{name: numeral(match[name].upper()) for name in names})
    return home


def _figured(text: str) -> str:
    """The text with its numbers in figures and its misheard words put right."""
    told = BLANKS.sub(" ", unicodedata.normalize("NFKC", text[:LONGEST])[:LONGEST].translate(SIMPLER))
    told = SPELT.sub(_figures, WEEKDAY.sub(r"\1 ", told))
    for pattern, word in MEANT:
        told = pattern.sub(word, told)
    return NAMED.sub(lambda named: f"{named[1]} {SPELT_OUT[named[2].lower()]}", told)


def _figures(match: re.Match[str]) -> str:
    """A number in figures, kept apart from the figures beside it: 8-2二楼 is no 8-22楼."""
    told, start, end = match.string, match.start(), match.end()
    before, after = told[start - 1 : start], told[end : end + 1]
    return " " * before.isdecimal() + numeral(match[0]) + " " * after.isdecimal()


def numeral(text: str) -> str:
    """三 → 3, 十二 → 12, 三零二 → 302, 一千二百零一 → 1201; digits lose leading zeros, anything else stays."""
    if text.isdecimal():
        return "".join(str(unicodedata.decimal(c)) for c in text).lstrip("0") or "0"
    if not text or text[0] in "百千" or any(c not in DIGITS and c not in TENS for c in text):
        return text
    if TENS.keys().isdisjoint(text):
        return "".join(str(DIGITS[c]) for c in text)
    total, ones, place = 0, 0, 1
    for c in text:
        if c in TENS:
            total, ones, place = total + (ones or 1) * TENS[c], 0, TENS[c] // 10
        else:
            ones, place = DIGITS[c], place if DIGITS[c] else 1  # 一百八 is 180, 一百零八 is 108
    return str(total + ones * place)
