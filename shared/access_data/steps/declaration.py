"""How the files of an application become rows in Graph's columns, as its owner declares it once: data and its rules."""

import codecs
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple
from unicodedata import category

from ..careful.blank import is_blank
from ..careful.cells import Fault, content_fault
from ..careful.records import Cell
from ..layouts import LAYOUTS, Column, Content

MAX_NAME = 256
MAX_CONSTANT = 256
MAX_ATTRIBUTES = 10

# What can be declared: the layout with all columns, of which ``graph`` has the first ones.
DECLARED_LAYOUT = next(layout for layout in LAYOUTS if layout.name == "extended")

ENCODINGS = (
    *("utf-8", "utf-16", "utf-16-le", "utf-16-be"),
    *(f"windows-{number}" for number in range(1250, 1259)),
    *(f"iso-8859-{number}" for number in (*range(1, 12), *range(13, 17))),
    *(
        "cp437",
        "cp874",
        "cp737",
        "cp775",
        "cp850",
        "cp852",
        "cp855",
        "cp857",
        "cp858",
        "cp860",
        "cp861",
        "cp862",
        "cp863",
    ),
    *("cp864", "cp865", "cp866", "cp869", "macintosh", "koi8-r", "koi8-u"),
    *("shift_jis", "cp932", "euc-jp", "gbk", "gb18030", "big5", "cp950", "euc-kr", "cp949"),
    # EBCDIC: USA, Germany, international, and the same with the euro sign.
    *("cp037", "cp273", "cp500", "cp1140"),
)
"""The encodings that can be declared, by the names that people know; other spellings of these are accepted, too."""

_CODECS = {codecs.lookup(name).name for name in ENCODINGS}


class PrincipalRules(NamedTuple):
    """How accounts are matched with users: by which attributes, in their order, and which column keeps the account."""

    match_by: tuple[str, ...]
    account_in: str | None = None


class Declaration(NamedTuple):
    """What an application declares. Columns are those of ``DECLARED_LAYOUT``, by their names there.

    Attributes:
        columns: for a column, the name of the column of the file that it is taken from.
        constants: for a column, the value that all rows have.
        ignore_other_columns: whether a file may have columns that nothing is taken from.
        encoding: that of a file without a byte order mark, one of ``ENCODINGS``; UTF-8 if ``None``.
        principals: how accounts are matched; if ``None``, principals are taken as they are.
    """

    columns: Mapping[str, str]
    constants: Mapping[str, str]
    ignore_other_columns: bool = False
    encoding: str | None = None
    principals: PrincipalRules | None = None

    def as_json(self) -> dict[str, Any]:
        """The JSON object that ``parse_declaration`` reads."""
        rules = self.principals
        return {
            "columns": dict(self.columns),
            "constants": dict(self.constants),
            "ignoreOtherColumns": self.ignore_other_columns,
            "encoding": self.encoding,
            "principals": None if rules is None else {"matchBy": list(rules.match_by), "accountIn": rules.account_in},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Declaration":
        """The declaration that ``as_json`` has written."""
        rules = value["principals"]
        return cls(
            columns=value["columns"],
            constants=value["constants"],
            ignore_other_columns=value["ignoreOtherColumns"],
            encoding=value["encoding"],
            principals=rules and PrincipalRules(tuple(rules["matchBy"]), rules["accountIn"]),
        )


class DeclarationFault(NamedTuple):
    """What is wrong with a declaration: a property (``columns.permissionId``), and a message.

    ``unknown`` if the property itself does not exist.
    """

    target: str
    message: str
    unknown: bool = False


class DeclarationError(Exception):
    """A declaration that is not valid."""

    def __init__(self, faults: Collection[DeclarationFault]) -> None:
        super().__init__(" ".join(f"{fault.target}: {fault.message}" for fault in faults))
        self.faults = tuple(faults)


def parse_declaration(value: object, principal_types: Collection[str]) -> Declaration:
    """The declaration that a JSON object is; annotations (names with ``@``) do not count.

    Raises:
        DeclarationError: it is none. It has every fault.
    """
    reader = _Reader(principal_types)
    given = reader.known(value, "", ("columns", "constants", "ignoreOtherColumns", "encoding", "principals"))
    sources: dict[str, str] = {}  # where each column has its source
    columns = dict(reader.columns(given.get("columns"), sources))
    constants = dict(reader.constants(given.get("constants"), sources))
    ignores = given.get("ignoreOtherColumns")
    if not isinstance(ignores, bool | None):
        reader.fault("ignoreOtherColumns", "must be true or false")
    encoding = reader.encoding(given.get("encoding"))
    principals = reader.principals(given.get("principals"), sources)
    if reader.faults:
        raise DeclarationError(reader.faults)
    return Declaration(columns, constants, bool(ignores), encoding, principals)


def file_name_key(name: str) -> str:
    """What makes two names of a file's columns the same: case and surrounding white space do not count."""
    return name.strip().casefold()


class _Reader:
    """Reads the parts of a declaration, and collects what is wrong with them."""

    def __init__(self, principal_types: Collection[str]) -> None:
        self.faults: list[DeclarationFault] = []
        self._principal_types = principal_types

    def fault(self, target: str, message: str, *, unknown: bool = False) -> None:
        self.faults.append(DeclarationFault(target, message, unknown))

    def known(self, value: object, target: str, names: Collection[str]) -> Mapping[str, Any]:
        """The properties of an object. Without ``names`` they can have any name."""
        if value is None and target:
            return {}
        if not isinstance(value, dict):
            self.fault(target or "body", "must be a JSON object")
            return {}
        given = {name: each for name, each in value.items() if "@" not in name}
        for name in given if names else ():
            if name not in names:
                self.fault(f"{target}.{name}".lstrip(".")[:200], "This property is not supported.", unknown=True)
        return given

    def columns(self, value: object, sources: dict[str, str]) -> Iterator[tuple[str, str]]:
        for name, source in self.known(value, "columns", ()).items():
            column = self._column(name, "columns", sources)
            if column is not None and self._is_text(source, f"columns.{name}", MAX_NAME):
                yield column.name, source

    def constants(self, value: object, sources: dict[str, str]) -> Iterator[tuple[str, str]]:
        for name, constant in self.known(value, "constants", ()).items():
            target = f"constants.{name}"
            column = self._column(name, "constants", sources)
            if column is None:
                continue
            if column.content is Content.PRINCIPAL:
                self.fault(target, "cannot be a constant: it tells which user a row is about")
            elif not isinstance(constant, str) or len(constant) > MAX_CONSTANT or _has_controls(constant):
                self.fault(target, f"must be a text of at most {MAX_CONSTANT:,} characters, without control characters")
            else:
                fault = constant_fault(column, constant, self._principal_types)
                if fault is None:
                    yield column.name, constant
                else:
                    self.fault(target, fault.message)

    def encoding(self, value: object) -> str | None:
        if value is None:
            return None
        if isinstance(value, str) and len(value) <= MAX_NAME:
            try:
                if codecs.lookup(value).name in _CODECS:
                    return value
            except (LookupError, ValueError):
                pass
        self.fault("encoding", f"must be one of {', '.join(ENCODINGS)}")
        return None

    def principals(self, value: object, sources: dict[str, str]) -> PrincipalRules | None:
        if value is None:
            return None
        given = self.known(value, "principals", ("matchBy", "accountIn"))
        attributes = given.get("matchBy")
        if not isinstance(attributes, list) or not 1 <= len(attributes) <= MAX_ATTRIBUTES:
            message = f"must be a list of 1 to {MAX_ATTRIBUTES} names of columns of the directory"
            self.fault("principals.matchBy", f"{message}, such as userPrincipalName, mail or employeeId")
            attributes = []
        elif all(self._is_text(each, "principals.matchBy", MAX_NAME) for each in attributes) and len(
            {file_name_key(each) for each in attributes}
        ) < len(attributes):
            self.fault("principals.matchBy", "names an attribute twice")
        account_in = given.get("accountIn")
        if account_in is None:
            return PrincipalRules(tuple(attributes))
        column = self._column(account_in, "principals.accountIn", sources, within=False)
        if column is None:
            return PrincipalRules(tuple(attributes))
        if column.content is not Content.TEXT or column.required:
            names = [
                each.name for each in DECLARED_LAYOUT.columns if each.content is Content.TEXT and not each.required
            ]
            self.fault("principals.accountIn", f"must be one of {', '.join(names)}")
        return PrincipalRules(tuple(attributes), column.name)

    def _column(self, name: object, target: str, sources: dict[str, str], *, within: bool = True) -> Column | None:
        """The column of Graph's with this name, which has no other source yet."""
        place = f"{target}.{name}"[:200] if within else target
        column = _COLUMNS.get(name.casefold()) if isinstance(name, str) else None
        if column is None:
            self.fault(
                place, f"is not a column of Graph's. They are {', '.join(each.name for each in _COLUMNS.values())}"
            )
        elif column.name in sources:
            self.fault(place, f"has another source already: {sources[column.name]}")
        else:
            sources[column.name] = place
            return column
        return None

    def _is_text(self, value: object, target: str, most: int) -> bool:
        if isinstance(value, str) and 1 <= len(value) <= most and not is_blank(value) and not _has_controls(value):
            return True
        self.fault(target[:200], f"must be a text of 1 to {most} characters, without control characters")
        return False


_COLUMNS = {column.name.casefold(): column for column in DECLARED_LAYOUT.columns}


def constant_fault(column: Column, constant: str, principal_types: Collection[str]) -> Fault | None:
    """What is wrong with the value that all rows have in a column; ``None`` if nothing is."""
    cell = Cell(constant.encode(errors="replace"), True, 0, 0, None)
    return content_fault(column, cell, constant, principal_types)


def _has_controls(text: str) -> bool:
    """Whether a text has control characters, or halves of characters, which no file can have."""
    return any(category(letter) in ("Cc", "Cs") for letter in text)
