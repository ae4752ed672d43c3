"""What a principal's id looks like: an object id, or a user principal name. Patterns, to be matched as a whole."""

_HEX = "[0-9A-Fa-f]"
GUID = f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"

# Before the at sign letters, digits and ' . - _ ! # ^ ~ (Entra, "userPrincipalName"), and + which synchronised
# directories have; behind it a domain name of two labels or more (RFC 1123). No cell may begin like a formula unseen,
# so that those which do are a pattern of their own.
_DOMAIN_LABEL = "[A-Za-z0-9]++(?:-++[A-Za-z0-9]++)*+"
_DOMAIN = rf"(?:{_DOMAIN_LABEL}\.)++{_DOMAIN_LABEL}"
PLAIN_PRINCIPAL = rf"(?:{GUID}|[A-Za-z0-9'._!#^~][A-Za-z0-9'._!#^~+-]{{0,63}}@{_DOMAIN})"
PRINCIPAL = rf"(?:{PLAIN_PRINCIPAL}|[+-][A-Za-z0-9'._!#^~+-]{{0,63}}@{_DOMAIN})"
