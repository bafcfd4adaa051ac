"""What a sentence tells besides its wish: the words for a time, how many people, a telephone number, the language."""

import re
import unicodedata

from bot.understanding.place import LONGEST, numeral
from models.masking import TELEPHONE

SIMPLER = str.maketrans("週禮這個點鐘開號聽時節陽聖誕剛樓夜裡連", "周礼这个点钟开号听时节阳圣诞刚楼夜里连")
WHOLE = r"(?!(?<=[a-z\d])[a-z\d])"  # not within a Latin word or a number
N = r"(?:\d{1,2}|[零〇一二两三四五六七八九十]{1,3})"  # 几 asks, and says no time
HOUR = rf"(?:{N}[:：]\d\d|{N}(?:[到至~-]{N})?[点时](?!间)(?:钟|半|一刻|三刻|{N}分)?)"
CLOCK = rf"(?:{HOUR}(?:[到至~-]{HOUR})?)"
PART = (  # of a day
    r"(?:凌晨|大?清早|[一大]早上?|早晨|早上(?!好)|上午|中午|下[午昼]|下半天|傍晚|晚上|大?半夜(?:三更)?|夜[里头]|夜快边|[午深]夜"
    r"|大白天|[早晚]高峰|[午晚早]饭[前后]|[中晚]饭辰光|午[休睡]时间|下班后|通宵)"
)
WEEKDAY = r"[上下这本每]{0,2}个?(?:周|星期|礼拜)[一二三四五六日天](?!综合)"
FEAST = (
    r"(?:春节|元宵|清明|端午|中秋|国庆|重阳|圣诞|教师|妇女|除夕|冬至|腊八|元旦|[五六]一(?=[放去要的我]))(?!宴|节?快乐)节?"
    r"|雷锋日|黄金周|过年那几天|[寒暑长连]假|暑期"
)
DAY = (
    r"大?[前后][天日儿]|[今昨明][天日儿朝](?!星辰)|[今昨明][早晚夜晨]|听[日晚]|[前这][几两]天|前阵子|过[几两]天"
    r"|[上下这本]{1,2}个?(?:周末|月|(?:礼拜|星期|周)(?![一二三四五六日天]))|周末|双休日|节假日|月[初底](?!八)|年底|[去今明]年|[每本]月"
    rf"|{N}月(?:{N}[日号]|份|底|初)|(?<![\d/:-])\d{{1,2}}/\d{{1,2}}(?![\d/])"
    rf"|(?<![第几幢座元\d]){N}[号日](?=[上下早晚中前后去到我有要能来那的，。,.]|$)"
)
LASTING = (
    rf"(?<![第隔借用])(?:[两二三四五六七八九十]天|{N}天(?=了)|{N}个?(?:礼拜|星期)|半个月|半年|一[夜晚]上?|一下午|{N}年(?=没)"
    rf"|[两二]个多?月|快?[一两半]个(?:月|小时)(?=[了没])|{N}(?:个月|周)(?=[了没]))"
)

UP_TO = r"(?:(?:since|until|till|from|by|on|before|after|every|each|last|next|this|around|at) ){0,2}"
O_CLOCK = r"(?:\d{1,2}(?:[:.]\d\d)? ?(?:[ap]\.?m|o'?clock)|\d{1,2}:\d\d)"
DAYTIME = r"(?:mornings?|afternoons?|evenings?|nights?|noon|midnight|lunchtime|dawn)"
WEEKDAYS = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun(?=day))(?:days?)?"
MONTH = r"(?:jan(?:uary)?|feb(?:ruary)?|march|april|june|july|august|sept(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
NTH = r"\d{1,2}(?:st|nd|rd|th)(?! floor)"
PERIOD = r"(?:hour|day|night|week|weekend|month|year|summer|winter)"
SOME = r"(?:\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten|a few|several|a couple of)"
# The words that say when, the surest kind first.
SAID_WHEN = (
    rf"(?:{DAY}|{WEEKDAY}|{FEAST})(?:的?(?:{PART}|晚|早))?{CLOCK}?|{PART}{CLOCK}?",  # 下周三上午9点半, 半夜
    rf"(?!一[点时](?![半钟])){CLOCK}",  # 七点半; 小一点 is none
    rf"{UP_TO}(?:today|tonight|tomorrow|tmrw?|yesterday|{WEEKDAYS})(?: {DAYTIME})?"
    rf"(?: (?:at |around |after )?(?:{O_CLOCK}|\d{{1,2}}))?",  # since Friday, tomorrow at 7
    rf"{UP_TO}{O_CLOCK}",  # after 10pm
    rf"(?:last|this|next|every|each|all|the whole|in the|in|at|since|during|around) (?:{DAYTIME}|{PERIOD}s?)(?: {DAYTIME})?",
    rf"(?:for )?{SOME} (?:min(?:ute)?|{PERIOD})s? ago|(?:week|month|year)s ago",  # 10 min ago
    rf"for {SOME} (?:min|hour|day|week|month)s?|for months",  # for a week
    rf"(?:in |on |since |for |around )?(?:{NTH} |\d{{1,2}} )?{MONTH}(?: {NTH}| \d{{1,2}})?|on (?:the )?{NTH}",  # 3 Dec
    r"(?:at|after|before|till|until) (?:\d{1,2}|six|seven|eight|nine|ten)(?= ?$|[,.?!])",  # at seven
    r"(?:since|after|around) (?:breakfast|lunch|dinner|work)|between \d{1,2} and \d{1,2}|\d{1,2} to \d{1,2}",
    r"mornings?|afternoons|evenings|noon|midnight|weekends?|(?:right|just) now",
    LASTING,  # 三天, 快一个月了
    r"刚[才刚]|这会儿|晚饭(?=有|几)",
)
WHEN = tuple(re.compile(rf"{WHOLE}(?:{kind}){WHOLE}", re.IGNORECASE) for kind in SAID_WHEN)

HEADS = re.compile(
    r"(?<![\d第零一二两三四五六七八九十百-])(\d{1,3}|[二三四五六七八九]?十[一二三四五六七八九]?|[一二两三四五六七八九])\s*"
    r"(?:个人|个名额|个位[子置]?|口人|名(?!字)|位(?!置|子)|人(?!民))"
    r"|(?<![a-z\d-])(\d{1,3}|one|two|three|four|five|six|seven|eight|nine|ten)\s+"
    r"(?:people|persons|seats?|spots?|places|of us|adults?|kids)(?![a-z])",
    re.IGNORECASE,
)
ENGLISH_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def time_words(text: str) -> str:
    """The words, as written, that say when; of several the longest of the surest kind, empty if there are none."""
    told = text[:LONGEST].translate(SIMPLER)
    for kind in WHEN:
        if found := max(kind.finditer(told), key=lambda m: m.end() - m.start(), default=None):
            return text[found.start() : found.end()].strip()
    return ""


def headcount(text: str) -> int | None:
    """How many people are spoken of; two or three of them (两三个人) is no number."""
    if not (match := HEADS.search(text)):
        return None
    told = (match[1] or match[2]).casefold()
    counted = str(ENGLISH_NUMBERS.index(told) + 1) if told in ENGLISH_NUMBERS else numeral(told)
    return int(counted) if counted.isdecimal() else None


def phone(text: str) -> str:
    """A mainland telephone number, digits alone."""
    found = TELEPHONE.search(unicodedata.normalize("NFKC", text))
    return re.sub(r"[ -]", "", found[0]) if found else ""


def language(text: str) -> str:
    """zh, en, mixed, ja; a few Latin letters (KTV, WiFi) make no Chinese sentence mixed."""
    if re.search(r"[\u3040-\u30ff]", text):
        return "ja"
    chinese = len(re.findall(r"[\u3400-\u9fff]", text))
    latin = len(re.findall(r"[A-Za-z]{2,}", text))
    if not chinese:
        return "en" if latin else "zh"
    return "mixed" if latin > 1 or (latin and latin * 4 > chinese) else "zh"
