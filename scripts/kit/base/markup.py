"""Text of any origin made fit for HTML and XML 1.0 (its section 2.2 says which characters): escaped, or replaced."""

import re

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL = re.compile("[&<>\"'\t\n\r]")
_ESCAPED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "\t": "&#9;", "\n": "&#10;",
            "\r": "&#13;"}


def clean(text: str) -> str:
    """The text with a replacement character for each that XML forbids: controls, halves of surrogate pairs."""
    return text if text.isascii() and text.isprintable() else _FORBIDDEN.sub("\ufffd", text)


def attribute(text: str) -> str:
    """The text to stand in an attribute between double quotes; line ends and tabs are kept."""
    return _SPECIAL.sub(lambda match: _ESCAPED[match[0]], clean(text))


def body(text: str) -> str:
    """The text to stand between tags, line ends as they are."""
    return clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
