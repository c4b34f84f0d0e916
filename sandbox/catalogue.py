"""Words of the invented world: companies, people, places, goods and services. All of it is made up."""

from typing import NamedTuple

FIRST_WORDS = (
    "Adupe", "Bridgepoint", "Calabash", "Dawnlight", "Ekanem Hill", "Fourfold", "Goldgrain", "Harmattan", "Iroko Lane",
    "Jubilant", "Kolanut", "Lagoonside", "Mango Row", "Northgate", "Okuta", "Palmwine", "Quillstone", "Riverbend",
    "Savannah Star", "Teak House", "Umbrella Tree", "Vantage Creek", "Whitesand", "Yamfield", "Zobo Springs",
)  # fmt: skip
TRADES = (
    "Shelving Works", "Book Depot", "Cold Rooms", "Tile Market", "Print House", "Farm Supplies", "Solar Yard",
    "Haulage", "Paint Makers", "Pharmacy Stores", "Office Outfitters", "Water Bottlers", "Catering", "Steel Yard",
    "Textiles", "Software", "Security Systems", "Furniture", "Dairy", "Packaging",
)  # fmt: skip
DESCRIPTIONS = (
    "Wholesale and retail of household goods", "Makes and fits steel furniture", "Cold storage and distribution",
    "Printing and stationery", "Agricultural inputs and advice", "Transport and warehousing",
)  # fmt: skip
FIRST_NAMES = ("Ada", "Bola", "Chidi", "Dayo", "Efe", "Femi", "Gozie", "Halima", "Ife", "Jide", "Kemi", "Lami")
LAST_NAMES = ("Sample", "Specimen", "Fictive", "Example", "Pretend", "Madeup", "Invented", "Imagined")
STREETS = ("Fictional Crescent", "Sample Close", "Example Road", "Invented Street", "Specimen Avenue", "Madeup Lane")
PLACES = (  # city, state as people type it, postal zone
    ("Ikorodu", "Lagos", "104101"), ("Ikeja", "Lagos State", "100271"), ("Port Harcourt", "Rivers", "500101"),
    ("Kano", "Kano", "700001"), ("Ibadan", "Oyo", "200001"), ("Enugu", "Enugu", "400001"), ("Aba", "Abia", "450101"),
    ("Benin City", "Edo", "300001"), ("Abeokuta", "Ogun", "110001"), ("Abuja", "Federal Capital Territory", "900001"),
)  # fmt: skip
COUNTRIES = ("Nigeria", "Nigeria", "Nigeria", "NIGERIA", "NG")
DEAL_SUBJECTS = (
    "Branch fit-out", "Annual supply", "Website relaunch", "Warehouse racks", "Solar back-up", "Quarterly restock",
    "Staff training", "Fleet service", "Head office move", "Harvest season order", "New shop opening", "Till roll-out",
)  # fmt: skip


class Product(NamedTuple):
    """One thing that is sold; the price is in kobo, `hsn_code` is empty for a service and `isic_code` for goods."""

    name: str
    description: str
    price: int
    hsn_code: str
    product_category: str
    isic_code: str
    tax_category: str | None
    sku: str


def _goods(
    sku: str, name: str, description: str, price: int, code: str, category: str, tax: str | None = None
) -> Product:
    return Product(name, description, price * 100, code, category, "", tax, sku)


def _service(sku: str, name: str, description: str, price: int, code: str, tax: str | None = None) -> Product:
    return Product(name, description, price * 100, "", "", code, tax, sku)


METAL = "Other metal furniture"
PRODUCTS = (
    _goods("SB-200-5", "Shelf bay 2 m", "Steel shelf bay, five levels", 25_000, "9403.20", METAL),
    _goods("DSK-140", "Office desk 140 cm", "Desk with steel frame", 86_500, "9403.10", "Metal office furniture"),
    _goods("CHR-SW", "Swivel chair", "Office chair with armrests", 54_250, "9401.39", "Swivel seats"),
    _goods("PAP-A4", "Copy paper A4", "Five reams of 80 g paper", 21_350, "4802.56", "Paper in sheets"),
    _goods("TON-12", "Toner cartridge", "Black toner, 12,000 pages", 38_999, "8443.99", "Parts of printers"),
    _goods("SOL-450", "Solar panel 450 W", "Monocrystalline panel", 132_000, "8541.43", "Photovoltaic panels"),
    _goods("INV-5K", "Inverter 5 kVA", "Hybrid inverter", 615_000, "8504.40", "Static converters", "STANDARD_VAT"),
    _goods("BAT-200", "Battery 200 Ah", "Deep cycle battery", 287_450, "8507.20", "Lead-acid accumulators"),
    _goods("TIL-60", "Floor tile 60 x 60", "Porcelain tile, a box of four", 14_775, "6907.21", "Ceramic tiles"),
    _goods("PNT-20", "Emulsion paint 20 l", "White matt emulsion", 47_800, "3209.10", "Paints, acrylic"),
    _goods("BOK-MTH", "Mathematics workbook", "School workbook", 3_450, "4901.99", "Printed books", "EXEMPTED"),
    _goods("BOK-ENG", "English reader", "School reader, level 3", 2_975, "4901.99", "Printed books", "EXEMPTED"),
    _goods("MED-FA", "First aid kit", "Kit for 25 people", 31_200, "3006.50", "First-aid kits", "EXEMPTED"),
    _goods("FRT-NPK", "Fertiliser NPK 50 kg", "One bag", 42_000, "3105.20", "Fertilisers", "ZERO_VAT"),
    _goods("SED-MZ", "Maize seed 10 kg", "Hybrid seed", 18_600, "1005.10", "Maize seed", "ZERO_VAT"),
    _goods("WTR-75", "Table water 75 cl", "A pack of twelve", 2_150, "2201.10", "Mineral waters"),
    _goods("POS-T1", "Till terminal", "Android till with printer", 189_990, "8470.50", "Cash registers"),
    _service("SVC-FIT", "Fitting on site", "Assembly and wall fixing, a day", 40_000, "4330"),
    _service("SVC-DEV", "Software development", "Programming, an hour", 27_500, "6201"),
    _service("SVC-CON", "IT consulting", "Advice on systems, an hour", 36_250, "6202", "STANDARD_VAT"),
    _service("SVC-HOST", "Hosting", "Servers and storage, a month", 92_400, "6311"),
    _service("SVC-HAUL", "Haulage", "Road freight, a trip", 148_000, "4923"),
    _service("SVC-CLN", "Office cleaning", "Cleaning, a visit", 16_900, "8121"),
    _service("SVC-REP", "Generator service", "Inspection and repair, an hour", 22_350, "3312"),
    _service("SVC-TRN", "Staff training", "Course on site, a day", 118_000, "8549"),
    _service("SVC-ADV", "Advertising", "Campaign design", 264_000, "7310"),
)
