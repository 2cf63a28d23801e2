"""Makes text of any origin safe for HTML and XML 1.0 (section 2.2): escaped, or replaced."""

import re

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL = re.compile("[&<>\"'\t\n\r]")
_ESCAPED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "\t": "&#9;",
            "\n": "&#10;", "\r": "&#13;"}


def clean(text: str) -> str:
    """The text, with U+FFFD for each character that XML forbids: controls and lone surrogates."""
    return text if text.isascii() and text.isprintable() else _FORBIDDEN.sub("\ufffd", text)


def attribute(text: str) -> str:
    """The text for an attribute in double quotes; line ends and tabs are kept."""
    return _SPECIAL.sub(lambda match: _ESCAPED[match[0]], clean(text))


def body(text: str) -> str:
    """The text for use between tags, with its line ends."""
    return clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace(
        "\r", "&#13;")
