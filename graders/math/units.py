"""Units of measure: a table from word to dimension and scale, so that 1 km = 1000 m and 5 cm ≠ 5 m.

A unit that is not in the table ("teachers", "ways") is only a word: it is dropped, not compared. A new unit is a new
row. Not covered: temperatures in another scale, and currencies in another currency: each is a dimension of its own.
"""

from typing import NamedTuple

from flint import fmpq


class Unit(NamedTuple):
    """A product of powers of base dimensions, sorted by name, and the scale to their base units."""

    dimension: tuple[tuple[str, int], ...]
    scale: fmpq


def _row(dimension: str, power: int, scale: str, names: str) -> dict[str, Unit]:
    top, _, bottom = scale.partition("/")
    digits = len(top.partition(".")[2])
    value = fmpq(int(top.replace(".", "")), 10**digits) / fmpq(int(bottom or "1"))
    return {name: Unit(((dimension, power),), value) for name in names.split()}


_TABLE: dict[str, Unit] = {
    **_row("length", 1, "1", "m meter meters metre metres 米"),
    **_row("length", 1, "0.01", "cm centimeter centimeters centimetre centimetres 厘米"),
    **_row("length", 1, "0.1", "dm decimeter decimeters decimetre decimetres 分米"),
    **_row("length", 1, "0.001", "mm millimeter millimeters millimetre millimetres 毫米"),
    **_row("length", 1, "1000", "km kilometer kilometers kilometre kilometres kms 千米 公里"),
    **_row("length", 1, "0.000001", "μm um micrometer micrometers micron microns"),
    **_row("length", 1, "0.000000001", "nm nanometer nanometers"),
    **_row("length", 1, "0.0254", "inch inches"),
    **_row("length", 1, "0.3048", "ft foot feet"),
    **_row("length", 1, "0.9144", "yd yard yards"),
    **_row("length", 1, "1609.344", "mi mile miles"),
    **_row("time", 1, "1", "s sec secs second seconds 秒"),
    **_row("time", 1, "0.001", "ms millisecond milliseconds"),
    **_row("time", 1, "60", "min mins minute minutes 分钟"),
    **_row("time", 1, "3600", "h hr hrs hour hours 小时"),
    **_row("time", 1, "86400", "day days 天"),
    **_row("time", 1, "604800", "week weeks 周"),
    **_row("months", 1, "1", "month months 月 个月"),
    **_row("months", 1, "12", "year years yr yrs 年"),
    **_row("mass", 1, "1", "kg kilogram kilograms kilo kilos 千克 公斤"),
    **_row("mass", 1, "0.001", "g gram grams 克"),
    **_row("mass", 1, "0.000001", "mg milligram milligrams 毫克"),
    **_row("mass", 1, "1000", "t ton tons tonne tonnes 吨"),
    **_row("mass", 1, "0.45359237", "lb lbs pound pounds"),
    **_row("mass", 1, "0.028349523125", "oz ounce ounces"),
    **_row("length", 3, "0.001", "L l liter liters litre litres 升"),
    **_row("length", 3, "0.000001", "mL ml milliliter milliliters millilitre millilitres 毫升"),
    **_row("length", 3, "0.003785411784", "gal gallon gallons"),
    **_row("usd", 1, "1", "dollar dollars usd"),
    **_row("usd", 1, "0.01", "cent cents penny pennies ¢"),
    **_row("eur", 1, "1", "€ euro euros eur"),
    **_row("gbp", 1, "1", "£"),
    **_row("cny", 1, "1", "yuan 元 rmb"),
    **_row("inr", 1, "1", "₹ rupee rupees rs"),
    **_row("jpy", 1, "1", "¥ yen"),
    **_row("unit", 1, "1", "unit units"),  # Of whatever the problem measures in.
    **_row("charge", 1, "1", "coulomb coulombs"),
    **_row("current", 1, "1", "ampere amperes amp amps"),
    **_row("voltage", 1, "1", "volt volts"),
    **_row("resistance", 1, "1", "ohm ohms Ω"),
    **_row("power", 1, "1", "watt watts"),
    **_row("power", 1, "1000", "kW kilowatt kilowatts"),
    **_row("energy", 1, "1", "joule joules"),
    **_row("energy", 1, "1000", "kJ kilojoule kilojoules"),
    **_row("force", 1, "1", "newton newtons"),
    **_row("frequency", 1, "1", "Hz hz hertz"),
    **_row("pressure", 1, "1", "Pa pascal pascals"),
    **_row("amount", 1, "1", "mol mole moles"),
    **_row("celsius", 1, "1", "celsius centigrade"),
    **_row("fahrenheit", 1, "1", "fahrenheit"),
    **_row("kelvin", 1, "1", "kelvin kelvins"),
    **_row("information", 1, "1", "bit bits"),
    **_row("information", 1, "8", "byte bytes"),
    "mph": Unit((("length", 1), ("time", -1)), fmpq(1609344, 3600000)),
    "kmph": Unit((("length", 1), ("time", -1)), fmpq(1000, 3600)),
    "kph": Unit((("length", 1), ("time", -1)), fmpq(1000, 3600)),
}
# One letter is a variable unless it was set as text; these may be a unit when nothing else makes sense of them.
LETTERS = {
    "m": _TABLE["m"], "s": _TABLE["s"], "g": _TABLE["g"], "h": _TABLE["h"], "L": _TABLE["L"], "l": _TABLE["l"],
    "N": _TABLE["newton"], "J": _TABLE["joule"], "W": _TABLE["watt"], "V": _TABLE["volt"], "A": _TABLE["ampere"],
    "C": _TABLE["coulomb"],
}  # fmt: skip
# The letter after a degree sign.
TEMPERATURES = {
    "C": _TABLE["celsius"], "F": _TABLE["fahrenheit"], "K": _TABLE["kelvin"],
    "celsius": _TABLE["celsius"], "fahrenheit": _TABLE["fahrenheit"], "centigrade": _TABLE["celsius"],
}  # fmt: skip
SYMBOLS = {"$": "dollar", "€": "€", "£": "£", "¥": "¥", "₹": "₹"}


def lookup(word: str, set_as_text: bool = True) -> Unit | None:
    """The unit a word names; a single letter counts only where it was set as text."""
    if set_as_text and word in LETTERS:
        return LETTERS[word]
    unit = _TABLE.get(word)
    if unit is None and len(word) > 2:
        unit = _TABLE.get(word.lower())
    if unit is not None and len(word) == 1 and word.isascii() and not set_as_text:
        return None
    return unit


def agree(left: Unit, right: Unit) -> bool:
    """Whether two units measure the same; "square units" agrees with any unit of area."""
    if left.dimension == right.dimension:
        return True
    for one, other in ((left, right), (right, left)):
        if len(one.dimension) == 1 and one.dimension[0][0] == "unit":
            return len(other.dimension) == 1 and other.dimension[0][1] == one.dimension[0][1]
    return False


def power(unit: Unit, exponent: int) -> Unit:
    """The unit raised to a small integer power."""
    return Unit(tuple((name, n * exponent) for name, n in unit.dimension), unit.scale**exponent)


def product(left: Unit, right: Unit) -> Unit:
    """The product of two units; dimensions that cancel disappear."""
    powers = dict(left.dimension)
    for name, n in right.dimension:
        powers[name] = powers.get(name, 0) + n
    return Unit(tuple(sorted((name, n) for name, n in powers.items() if n)), left.scale * right.scale)
