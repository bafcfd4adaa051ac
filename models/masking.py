"""What tells who somebody is or how to reach them, blanked in a text."""

import re

GONE = "…"
TELEPHONE = re.compile(r"(?<!\d)(?:1[3-9]\d[ -]?\d{4}[ -]?\d{4}|0\d{2,3}-?\d{7,8})(?!\d)")  # mainland
SURNAMES = (  # the most frequent
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖"
    "石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺顾毛郝龚邵万钱严覃洪武戴莫孔汤俞章施楼裘屠柴骆茅虞娄"
)
SURNAME = rf"(?:欧阳|上官|司马|诸葛|司徒|夏侯|皇甫|东方|慕容|[{SURNAMES}])"
E_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
SPELT = "[零〇一幺二两三四五六七八九]{7,}"
NUMBER = re.compile(rf"(?<![\dA-Za-z])\d(?:[ -]?\d){{6,}}[\dXx]?(?![\dA-Za-z])|{SPELT}")  # of any card or telephone
PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Za-z][·\s]?[A-Za-z0-9]{5,6}(?![A-Za-z0-9])"
)
NAME = re.compile(
    rf"((?:名字[叫是]|姓名[是:：]?)\s*)[\u4e00-\u9fff]{{2,4}}"
    rf"|((?:我叫|我是|名叫)\s*){SURNAME}[\u4e00-\u9fff]{{1,2}}"
    rf"|((?<!百)姓\s*){SURNAME}[\u4e00-\u9fff]{{0,2}}"
    rf"|(\b(?:my name is|my name's|this is|i'm|i am)\s+)(?-i:[A-Z][a-z]+(?: [A-Z][a-z]+)*)",
    re.IGNORECASE,
)


def mask(text: str) -> str:
    """Without telephone and other long numbers, e-mail addresses, number plates, and names people give as theirs.

    A name told in any other way stays.
    """
    for pattern in (E_MAIL, TELEPHONE, NUMBER, PLATE):
        text = pattern.sub(GONE, text)
    return NAME.sub(lambda found: f"{next(filter(None, found.groups()))}{GONE}", text)
