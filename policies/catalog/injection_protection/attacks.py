"""What SQL injection and cross-site scripting look like: RE2 expressions over one decoded line of text.

A word alone proves nothing ("select a seat"): each expression wants words together with the marks that make
them code. They hold in upper or lower case. Counted repetitions stay short, since RE2 unfolds them.
"""

from enum import StrEnum


class BuiltIn(StrEnum):
    SQL = "sql"
    XSS = "xss"


_QUOTE = r"""['"`]"""
_CLOSE = _QUOTE + r"\s*\)*\s*"
"""The end of the text that the query was to hold."""
_JOIN = r"(?:\b(?:or|and|xor|div|having)\b|\|\||&&)\s*(?:not\b|[\s(+!~@-])*"
_OPERAND = r"""(?:['"`][^'"`\n]*['"`]?|[\w.@]+(?:\([^()\n]*\))?)"""
_COMPARED = (
    r"\s*\)*\s*(?:[=<>]|!=|(?:not\s+)?(?:like|rlike|regexp)\s*[\s'\"(]|(?:not\s+)?in\s*\("
    r"|is\s+(?:not\s+)?null\b|between\s+\S+\s+and\b|sounds\s+like)"
)
_NUMBER = r"(?:\d+(?:\s*[-+*/]\s*\d+)*|'[^'\n]*')"
_EQUAL = (
    r"\s*\)*\s*(?:=|<>|!=|(?:not\s+)?(?:like|rlike|regexp)\s*['\"(]|(?:not\s+)?in\s*\("
    r"|is\s+(?:not\s+)?null\b)"
)
_REST = r"\s*\)*\s*(?:--|#|/\*|;)"
"""What follows is cut off."""
_VALUE = r"(?:@@?\w+|null\b|'[^'\n]*'|\d+)"
_WAITS = (
    "sleep|pg_sleep|benchmark|load_file|extractvalue|updatexml|randomblob|load_extension|xp_cmdshell"
    r"|sp_executesql|sp_oacreate|dbms_pipe\.\w+|dbms_lock\.\w+|utl_http\.\w+|utl_inaddr\.\w+|ctxsys\.\w+"
    "|xmltype|lo_import|dblink_connect"
)
_SELECTED = (
    r"(?:distinct\s+|top\s+\d+\s+|all\s+)?(?:\*|@@\w+|count\s*\(|concat\w*\s*\(|group_concat\s*\(|char\s*\("
    r"|[\w.]+\s*\([^()\n]*\)\s*(?:,|from\b|--|;|#)"
    r"|(?:user|version|database|schema|current_user|system_user|session_user|" + _WAITS + r")\s*\()"
)
_TABLE = r"[\w.`\[\]\"]+"

SQL = (
    # ' or '1'='1, ") and sleep(5)=0, ' || 1=1
    _CLOSE + _JOIN + _OPERAND + _COMPARED,
    # 1 or 1=1
    r"(?:\b\d+|\bnull|\))\s*\)*\s+" + _JOIN + _NUMBER + _EQUAL,
    r"(?:^|[=(])\s*-?\d+\s*\)*\s+" + _JOIN + _NUMBER + r"\s*[<>]",
    r"\b\d+\s*\)*\s*(?:\|\||&&)\s*\d+\s*[=<>]",
    # ' or true--, ' or 1#, ' or '1
    _CLOSE + _JOIN + r"(?:true|false|null|\d+|'\w*')" + _REST,
    _QUOTE + r"\s*(?:or|and|xor|\|\||&&)\s*" + _QUOTE + r"\w*\s*$",
    # ' or exists(select, ' and (select, 1 and ascii(substr(
    r"(?:" + _QUOTE + r"|\d|\))\s*(?:or|and|xor|\|\||&&)\s*(?:not\s*)?\(*\s*(?:exists\s*\(|\(?select\b"
    r"|(?:ascii|substr|substring|mid|ord|length|char_length|if|ifnull|nullif|row|elt|hex|unhex|cast|convert)\s*\()",
    # admin'--, x' #, x'/*
    _CLOSE + r"(?:--[\s+-]*\w{0,8}|#)\s*$",
    _QUOTE + r"\s*\)*\s*/\*",
    # union select
    r"\bunion\b[\s(]*(?:all\b|distinct\b)?[\s(]*select\b[\s(]*(?:all\s+|distinct\s+)?(?:"
    + _VALUE
    + r"|\*|[\w.]+\s*"
    r"(?:\(|,\s*[\w.'\"@(*]+\s*(?:,|from\b|--|#|\(|$)|from\b|--|#|;))",
    r"\bunion\b\s+(?:all\s+)?values\s*\(",
    # select what no sentence selects
    r"\bselect\b[\s(]*" + _SELECTED,
    r"\bselect\b\s+[\w.`]+(?:\s*,\s*[\w.`*]+)+\s+from\b",
    r"\bselect\b\s+[\w.`]+\s+from\s+"
    + _TABLE
    + r"\s*(?:where\b|limit\s+\d|order\s+by|group\s+by|union\b|--|;|#|\))",
    r"\bselect\b\s*(?:'[^'\n]*'|\d+)\s*(?:,|from\b|--|#|;|into\b)",
    r"\(\s*select\b\s+[\w.@`]+\s+from\b",
    # stacked, and statements that change something
    r"[;'\"]\s*(?:drop|truncate|alter|create)\s+(?:temporary\s+|or\s+replace\s+)?(?:table|database|schema|view|user"
    r"|index|procedure|function|login|role|trigger)\b",
    r"\b(?:drop|truncate)\s+(?:table|database|schema)\s+(?:if\s+exists\s+)?"
    + _TABLE
    + r"\s*(?:cascade\s*)?(?:--|;|#|$)",
    r"\balter\s+table\s+" + _TABLE + r"\s+(?:add|drop|modify|rename|alter)\b",
    r"\binsert\s+into\s+" + _TABLE + r"\s*(?:\([^()\n]*\)\s*)?(?:values\s*\(|select\b)",
    r"\bdelete\s+from\s+" + _TABLE + r"\s*(?:where\b[^\n]*[=<>]|;|--|#)",
    r"\bupdate\s+" + _TABLE + r"\s+set\s+[\w.`]+\s*=",
    r";\s*(?:exec|execute)\b\s*(?:\(|immediate\b|master\b|xp_|sp_|@)|\bexec(?:ute)?\s+(?:master\.|xp_|sp_)",
    r";\s*shutdown\b\s*(?:--|;|$|with\b)|;\s*declare\s+@\w+|;\s*begin\s+\w+\s+(?:transaction|immediate)?\s*;",
    r";\s*(?:copy|call|grant|merge|attach|vacuum)\s+[\w.]+\s*(?:from|to\b|\(|into|database|all)",
    # time, files, what the server is
    r"\bwaitfor\s+(?:delay|time)\b\s*['\"(]",
    r"(?:^|[^.\w])(?:" + _WAITS + r")\s*\(\s*(?:[\d'\"(@\\~]|null|concat|select|0x|md5|char|user|rand|1\b)",
    r"\binto\s+(?:out|dump)file\s*['\"(]|\bload\s+data\s+(?:local\s+)?infile\b",
    r"\binformation_schema\s*\.|\bpg_catalog\s*\.|\bsqlite_(?:master|schema)\b|\b(?:sysobjects|syscolumns|msysaccessobjects)\b"
    r"|\bsys\.(?:tables|objects|databases|columns|user\$)|\ball_tab_columns\b|\bmysql\s*\.\s*(?:user|db)\b",
    r"@@(?:version|hostname|datadir|servername|basedir|language|global)\b",
    r"(?:"
    + _QUOTE
    + r"|\d)\s*\)*\s*(?:order|group)\s+by\s+(?:\d+|[\w.,]+)\s*(?:,\s*\d+\s*)*(?:--|#|;|having\b)",
    r"\bhaving\s+(?:\d+|'[^'\n]*')\s*[=<>]",
    r"\bprocedure\s+analyse\s*\(",
    r"\bcase\s+when\b[^\n]*[=<>(][^\n]*\bthen\b[^\n]*\b(?:else|end)\b",
    # glued texts
    r"\w?'\s*(?:\|\||\+)\s*(?:\(\s*select\b|'[^'\n]*'\s*(?:\|\||\+|--|=)|(?:char|chr|concat|user|version|cast|current_user)\s*\()",
    r"\b(?:char|chr|concat|concat_ws|unhex)\s*\(\s*(?:0x[0-9a-f]+|\d+)\s*(?:,\s*\d+\s*)*\)\s*(?:\+|\|\||,|=)\s*(?:['\"(]|char|chr|0x|\d)",
    r"(?:"
    + _QUOTE
    + r"|\d)\s*(?:=|<>|!=|like)\s*(?:"
    + _QUOTE
    + r"\w*"
    + _QUOTE
    + r"|\d+)\s*(?:--|#\s*$|/\*)",
    r"'\s*=\s*'|'\s*(?:-|\*|\^|&|\+)\s*'(?:\W|$)",
)

_HANDLERS = (
    "abort|activate|after\\w+|animation\\w+|auxclick|before\\w+|begin|blur|canplay\\w*|change|click|close"
    "|contextmenu|copy|cut|dblclick|drag\\w*|drop|durationchange|end|ended|error|finish|focus\\w*"
    "|fullscreen\\w*|hashchange|input|invalid|key\\w+|load\\w*|message\\w*|mouse\\w+|page\\w+|paste|play\\w*"
    "|pointer\\w+|popstate|progress|ratechange|readystatechange|repeat|reset|resize|scroll\\w*|search"
    "|seek\\w+|select\\w*|show|start|storage|submit|suspend|timeupdate|toggle|touch\\w+|transition\\w+"
    "|unhandledrejection|unload|volumechange|waiting|webkit\\w+|wheel"
)
_CALLED = (
    r"(?:alert|prompt|confirm|eval|fetch|import|print|settimeout|setinterval|function|atob|open|write|\$)"
)
_SCRIPT = r"j\s*a\s*v\s*a\s*s\s*c\s*r\s*i\s*p\s*t\s*:\s*"
_TAGS = (
    "script|iframe|object|embed|applet|meta|base|link|form|svg|math|style|frameset|frame|marquee|isindex"
    "|template|portal|bgsound|layer|noscript|xss"
)

XSS = (
    r"<[\s/]*(?:" + _TAGS + r")(?:[\s/>&:]|$)",
    r"<[\s/]*script\b",
    # <img src=x onerror=…>, " onfocus=… autofocus
    r"<[a-z!?/][^>\n]*[\s/\"'+&]on(?:" + _HANDLERS + r")\s*=",
    r"[\"'`][\s/+]*(?:[\w-]+\s*=\s*[^\s>]*\s+)*on(?:" + _HANDLERS + r")\s*=\s*[^\s=]",
    r"\bon(?:"
    + _HANDLERS
    + r")\s*=\s*[\"'`]?\s*(?:"
    + _CALLED
    + r"\s*[(`]|javascript:|document\b|window\b|location\b|this\.|self\b|top\b)",
    # javascript:alert(1)
    _SCRIPT
    + r"(?:"
    + _CALLED
    + r"\s*[(`\[]|//|/\*|void\b|document\b|window\b|location\b|self\b|top\b|[\w.$\[\]'\"+]+[(`=;])",
    r"\bvbscript\s*:\s*\w+\s*[(\s\"]|\blivescript\s*:\s*\w",
    r"\bdata\s*:\s*(?:text/(?:html|xml|javascript)|image/svg\+?[\s]?xml|application/(?:xhtml|javascript|x-javascript))",
    # code without its tag
    r"(?:^|[^\w.])(?:alert|prompt|confirm)\s*(?:\(\s*(?:\d|['\"`/)]|document|window|self|top|origin|location)|`[^`\n]*`)",
    r"\bdocument\s*(?:\.\s*|\[\s*['\"`])(?:cookie|write\w*|location|domain|body|queryselector\w*|createelement|getelement\w+)\b",
    r"\bwindow\s*(?:\.\s*|\[\s*['\"`])(?:location|name|alert|eval|open|onerror)\b|\b(?:self|top|this|parent)\s*\[\s*['\"`/]",
    r"(?:^|[^\w.])eval\s*(?:\(|\.\s*call|`)|\bstring\s*\.\s*fromcharcode\s*\(|\.\s*innerhtml\s*[+]?=|\binsertadjacenthtml\s*\(",
    r"\b(?:set(?:timeout|interval)|function)\s*\(\s*['\"`]|\batob\s*\(\s*['\"`]|\bconstructor\s*(?:\.|\[)\s*['\"]?constructor\b",
    r"\blocation\s*(?:\.\s*(?:href|hash|replace|assign))?\s*=\s*['\"`]?(?:javascript|data|//)",
    # style and attributes
    r"<[^>\n]+\b(?:srcdoc|formaction|xlink:href|xmlns)\s*=",
    r"\bstyle\s*=\s*[\"']?[^\"'\n]*(?:expression\s*\(|-moz-binding|behaviou?r\s*:|javascript\s*:|@import)",
    r"<!\[cdata\[[^\n]*<|<\?xml-stylesheet|<!entity\b|<%[^\n]*script",
    r"\{\{[^}\n]*(?:constructor|\$on|\$eval|alert\s*\()",
)

EXPRESSIONS = {BuiltIn.SQL: SQL, BuiltIn.XSS: XSS}
