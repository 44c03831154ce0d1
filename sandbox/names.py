"""Name, street and company tables by country: what the people generator draws from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """One name as it is written in Latin letters, in its own script, and the other ways people write it."""

    latin: str
    native: str | None = None
    variants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    name: str
    zip: str
    area: str
    """Telephone area code without the trunk prefix."""
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """Everything that differs between the people of two countries."""

    code: str
    label: str
    language: str
    currency: str
    dial: str
    trunk: str
    """Prefix dialled inside the country before the area code ("0"), or nothing."""
    mobile_area: tuple[str, ...]
    share: float
    """Part of all people who live there; the shares add up to 1."""
    female: tuple[Name, ...]
    male: tuple[Name, ...]
    family: tuple[Name, ...]
    cities: tuple[City, ...]
    streets: tuple[str, ...]
    street_form: str


def _names(table: str) -> tuple[Name, ...]:
    """Reads `Latin|native|variant,variant` entries separated by semicolons; native and variants may be missing."""
    names = []
    for entry in table.replace("\n", " ").split(";"):
        latin, native, variants = [*(part.strip() for part in entry.split("|")), "", ""][:3]
        if latin:
            spellings = tuple(v.strip() for v in variants.split(",") if v.strip())
            names.append(Name(latin=latin, native=native or None, variants=spellings))
    return tuple(names)


def _cities(table: str) -> tuple[City, ...]:
    rows = ([part.strip() for part in row.split(",")] for row in table.split(";"))
    return tuple(City(name=r[0], zip=r[1], area=r[2], state=r[3] if len(r) > 3 else "") for r in rows)


def _words(table: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in table.replace("\n", " ").split(",") if word.strip())


def _germany() -> Country:
    return Country(
        code="DE",
        label="Germany",
        language="de",
        currency="EUR",
        dial="49",
        trunk="0",
        mobile_area=("176", "152", "171"),
        share=0.44,
        female=_names(
            """Katharina||Kathi,Katrin; Elisabeth||Lisa,Elli; Alexandra||Sascha,Alex; Margarete||Grete; Susanne||Susi;
            Franziska||Franzi; Johanna||Hanna; Sabine||Bine; Christina||Tina; Petra; Ulrike||Ulli; Claudia; Heike;
            Stefanie||Steffi; Angelika||Geli; Brigitte||Gitte; Magdalena||Lena; Charlotte||Lotte; Wilhelmine||Minna;
            Jasmin; Antonia||Toni; Friederike||Rike; Mathilde||Tilda; Theresa||Resi"""
        ),
        male=_names(
            """Alexander||Sascha,Alex; Johannes||Hannes; Maximilian||Max; Sebastian||Basti; Joachim||Jochen,Achim;
            Wolfgang||Wolf; Michael||Michi; Thomas||Tom; Andreas||Andi; Friedrich||Fritz; Heinrich||Heiner; Jürgen;
            Karl-Heinz||Kalle; Matthias||Matze; Benjamin||Ben; Christoph||Chris; Günther; Rüdiger; Ludwig||Lutz;
            Tobias||Tobi; Niklas; Jakob; Leonhard||Leo; Konstantin"""
        ),
        family=_names(
            """Müller||Mueller; Schmidt||Schmitt; Schneider; Fischer; Weber; Meyer||Meier; Wagner; Becker; Schulz||Schulze;
            Hoffmann||Hofmann; Schäfer||Schaefer; Koch; Bauer; Richter; Klein; Wolf; Schröder||Schroeder; Neumann;
            Schwarz; Zimmermann; Braun; Krüger||Krueger; Hartmann; Lange; Werner; Krause; Lehmann; Köhler||Koehler;
            Maier; Jäger||Jaeger; Groß||Gross; Vogel; Böhm||Boehm; Lindner; von Bergen; Strauß||Strauss; Pfeiffer;
            Öztürk||Oeztuerk; Kaya; Nowak"""
        ),
        cities=_cities(
            "Berlin,10115,30;Hamburg,20095,40;Frankfurt am Main,60311,69;Köln,50667,221;München,80331,89"
        ),
        streets=_words(
            """Hauptstraße, Bahnhofstraße, Gartenweg, Lindenallee, Schillerstraße, Goethestraße, Am Markt, Bergstraße,
            Kastanienweg, Mühlenweg, Rosenstraße, Kirchplatz"""
        ),
        street_form="{street} {number}",
    )


def _poland() -> Country:
    return Country(
        code="PL",
        label="Poland",
        language="pl",
        currency="PLN",
        dial="48",
        trunk="",
        mobile_area=("500", "600", "790"),
        share=0.17,
        female=_names(
            """Katarzyna||Kasia; Małgorzata||Gosia,Malgorzata; Agnieszka||Aga; Joanna||Asia; Aleksandra||Ola; Barbara||Basia;
            Magdalena||Magda; Elżbieta||Ela,Elzbieta; Zofia||Zosia; Anna||Ania; Ewa; Monika; Beata; Dorota; Natalia||Natalka;
            Wiktoria||Wika"""
        ),
        male=_names(
            """Krzysztof||Krzysiek; Stanisław||Staszek,Stanislaw; Tomasz||Tomek; Paweł||Pawel; Andrzej||Jędrek; Jakub||Kuba;
            Aleksander||Olek; Łukasz||Lukasz; Michał||Michal; Grzegorz||Grzesiek; Piotr||Piotrek; Wojciech||Wojtek;
            Mateusz; Marcin; Zbigniew||Zbyszek; Jan||Janek"""
        ),
        family=_names(
            """Nowak; Kowalczyk; Wójcik||Wojcik; Woźniak||Wozniak; Mazur; Krawczyk; Piotrowicz; Zając||Zajac; Król||Krol;
            Wróbel||Wrobel; Wieczorek; Jabłoń||Jablon; Stępień||Stepien; Górka||Gorka; Pawlak; Michalak; Sikora; Baran;
            Duda; Szewczyk; Pietrzak; Walczak; Bąk||Bak; Chmiel; Włodarczyk||Wlodarczyk; Kubiak; Szulc; Łuczak||Luczak"""
        ),
        cities=_cities(
            "Warszawa,00-001,22;Kraków,30-001,12;Gdańsk,80-001,58;Wrocław,50-001,71;Poznań,60-001,61"
        ),
        streets=_words(
            "Długa, Krótka, Polna, Leśna, Słoneczna, Ogrodowa, Lipowa, Kościelna, Szkolna, Zielona"
        ),
        street_form="ul. {street} {number}",
    )


def _turkey() -> Country:
    return Country(
        code="TR",
        label="Türkiye",
        language="tr",
        currency="TRY",
        dial="90",
        trunk="0",
        mobile_area=("532", "542", "505"),
        share=0.13,
        female=_names(
            """Ayşe||Ayse; Fatma; Zeynep||Zeyno; Elif; Hatice; Emine; Gülşen||Gulsen; Şule||Sule; Özlem||Ozlem; Çiğdem||Cigdem;
            Tuğba||Tugba; Büşra||Busra; İrem||Irem; Selin; Deniz; Yasemin||Yase"""
        ),
        male=_names(
            """Mehmet||Memo; Mustafa||Musti; Ahmet; Ali; Hüseyin||Huseyin; İbrahim||Ibrahim,Ibo; Oğuzhan||Oguz; Çağlar||Caglar;
            Ömer||Omer; Şükrü||Sukru; Emre; Kerem; Yusuf; Barış||Baris; Tolga; Gökhan||Gokhan"""
        ),
        family=_names(
            """Yılmaz||Yilmaz; Kaya; Demir; Şahin||Sahin; Çelik||Celik; Yıldız||Yildiz; Yıldırım||Yildirim; Öztürk||Ozturk;
            Aydın||Aydin; Özdemir||Ozdemir; Arslan||Aslan; Doğan||Dogan; Kılıç||Kilic; Çetin||Cetin; Koç||Koc; Kurt;
            Özkan||Ozkan; Şimşek||Simsek; Polat; Erdoğdu||Erdogdu; Güneş||Gunes; Aksoy; Bulut; Işık||Isik"""
        ),
        cities=_cities(
            "İstanbul,34000,212;Ankara,06000,312;İzmir,35000,232;Bursa,16000,224;Antalya,07000,242"
        ),
        streets=_words("Atatürk, Cumhuriyet, İnönü, Barış, Gül, Çiçek, Bahar, Menekşe, Lale, Zafer"),
        street_form="{street} Cad. No: {number}",
    )


def _japan() -> Country:
    return Country(
        code="JP",
        label="Japan",
        language="ja",
        currency="JPY",
        dial="81",
        trunk="0",
        mobile_area=("90", "80", "70"),
        share=0.1,
        female=_names(
            """Yuko|裕子|Yuuko; Keiko|恵子; Haruka|遥; Sakura|桜; Ayumi|歩美; Misaki|美咲; Naomi|直美; Yumi|由美; Akiko|明子;
            Emi|恵美; Mariko|真理子|Mari; Chihiro|千尋"""
        ),
        male=_names(
            """Hiroshi|浩; Kenji|健二|Ken; Takashi|隆; Yuki|勇気|Yuuki; Shota|翔太|Shouta; Daisuke|大輔|Dai; Kazuki|和樹;
            Ryota|亮太|Ryouta; Makoto|誠; Satoshi|聡; Yoichi|洋一|Youichi; Jun|純"""
        ),
        family=_names(
            """Sato|佐藤|Satou; Suzuki|鈴木; Takahashi|高橋; Tanaka|田中; Watanabe|渡辺; Ito|伊藤|Itoh; Yamamoto|山本;
            Nakamura|中村; Kobayashi|小林; Kato|加藤|Katoh; Yoshida|吉田; Yamada|山田; Sasaki|佐々木; Matsumoto|松本;
            Inoue|井上; Kimura|木村; Ono|小野|Oono; Shimizu|清水; Hayashi|林; Saito|斎藤|Saitoh"""
        ),
        cities=_cities(
            "Chiyoda-ku,100-0001,3,Tokyo;Osaka,530-0001,6,Osaka;Yokohama,220-0001,45,Kanagawa;Sapporo,060-0001,11,Hokkaido"
        ),
        streets=_words(
            "Sakuragaoka, Midorigaoka, Hikarigaoka, Honcho, Asahicho, Saiwaicho, Nakamachi, Minamicho"
        ),
        street_form="{street} 2-{number}",
    )


def _emirates() -> Country:
    return Country(
        code="AE",
        label="United Arab Emirates",
        language="ar",
        currency="AED",
        dial="971",
        trunk="0",
        mobile_area=("50", "55", "56"),
        share=0.08,
        female=_names(
            """Fatima|فاطمة|Fatma,Fatimah; Aisha|عائشة|Ayesha,Aysha;
            Mariam|مريم|Maryam,Miriam; Noura|نورة|Nora,Nura; Layla|ليلى|Leila,Laila;
            Huda|هدى|Hoda; Salma|سلمى|Selma; Amina|أمينة|Ameena; Rania|رانيا|Ranya; Khadija|خديجة|Khadijah; Zainab|زينب|Zaynab"""
        ),
        male=_names(
            """Mohammed|محمد|Muhammad,Mohamed,Mohd; Ahmed|أحمد|Ahmad; Khalid|خالد|Khaled; Youssef|يوسف|Yousef,Yusuf;
            Omar|عمر|Umar; Hassan|حسن|Hasan; Abdullah|عبد الله|Abdallah,Abdulla; Ibrahim|إبراهيم|Ebrahim; Saeed|سعيد|Said,Saeid;
            Tariq|طارق|Tarek,Tarik; Sultan|سلطان; Hamza|حمزة|Hamzah"""
        ),
        family=_names(
            """Al Mansoori|المنصوري|Almansouri,Al-Mansoori;
            Al Hashimi|الهاشمي|Alhashmi,Al-Hashemi; Al Suwaidi|السويدي|Alsuwaidi,Al-Suwaidi;
            Haddad|حداد|Hadad; Khoury|خوري|Khouri; Nasser|ناصر|Nasir,Naser; Al Maktab|المكتب|Almaktab; Saleh|صالح|Salih;
            Farouk|فاروق|Farooq,Faruk; Al Amin|الأمين|Alamin,El Amin; Qasim|قاسم|Kassem,Qassem; Rashid|راشد|Rasheed; Hamdan|حمدان;
            Mahmoud|محمود|Mahmud"""
        ),
        cities=_cities("Dubai,00000,4,Dubai;Abu Dhabi,00000,2,Abu Dhabi;Sharjah,00000,6,Sharjah"),
        streets=_words(
            "Al Wasl Road, Corniche Road, Al Khaleej Street, Palm Street, Pearl Street, Al Nahda Street, Oasis Road"
        ),
        street_form="{street}, Villa {number}",
    )


def _states() -> Country:
    return Country(
        code="US",
        label="United States",
        language="en",
        currency="USD",
        dial="1",
        trunk="",
        mobile_area=("917", "310", "773", "425", "786", "512", "404", "702"),
        share=0.08,
        female=_names(
            """Elizabeth||Liz,Beth; Katherine||Kate,Kathy; Margaret||Peggy,Maggie;
            Jennifer||Jen; Patricia||Pat,Trish; Rebecca||Becky;
            Deborah||Debbie; Susan||Sue; Jessica||Jess; Victoria||Vicky; Samantha||Sam; Abigail||Abby"""
        ),
        male=_names(
            """Robert||Bob,Rob; William||Bill,Will; Richard||Dick,Rick; James||Jim;
            Michael||Mike; Thomas||Tom; Joseph||Joe; Charles||Chuck;
            Edward||Ted,Ed; Christopher||Chris; Anthony||Tony; Nicholas||Nick"""
        ),
        family=_names(
            """Smith; Johnson; Williams; Brown; Jones; Garcia; Miller; Davis; Rodriguez; Martinez; Hernandez; Lopez; Wilson;
            Anderson; Taylor; Moore; Jackson; Martin; Thompson; White; O'Brien||OBrien; McDonald||MacDonald; Nguyen; Lee"""
        ),
        cities=_cities(
            "New York,10001,212,NY;Los Angeles,90001,213,CA;Chicago,60601,312,IL;Seattle,98101,206,WA;Miami,33101,305,FL"
        ),
        streets=_words(
            "Main St, Oak Ave, Maple Dr, Cedar Ln, Park Blvd, Elm St, Lakeview Rd, Sunset Way, 2nd Ave"
        ),
        street_form="{number} {street}",
    )


@cache
def countries() -> tuple[Country, ...]:
    """All countries, most people first; made once, on the first call."""
    return (_germany(), _poland(), _turkey(), _japan(), _emirates(), _states())


@cache
def by_code() -> dict[str, Country]:
    return {country.code: country for country in countries()}


@cache
def company_words() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """First and second words of company names; any pair is a name."""
    first = _words(
        """Nord, Hansa, Alpen, Rhein, Silber, Linden, Falken, Delta, Atlas, Orion, Vega, Kontor, Baltic, Polaris, Anatolia,
        Sakura, Oasis, Liberty, Summit, Blue River, Granit, Morgen, Stern, Solar, Union, Vista, Terra, Aqua, Nova, Kranich"""
    )
    second = _words(
        "Logistik, Maschinenbau, Textil, Design, Software, Bau, Energie, Medizintechnik, Foods, Optik, Verlag, Papier"
    )
    return first, second


@cache
def industries() -> tuple[str, ...]:
    """Industries as HubSpot's enumeration names them."""
    return _words(
        """LOGISTICS_AND_SUPPLY_CHAIN, MACHINERY, TEXTILES, DESIGN, COMPUTER_SOFTWARE, CONSTRUCTION, OIL_ENERGY, MEDICAL_DEVICES,
        FOOD_PRODUCTION, CONSUMER_GOODS, PUBLISHING, PAPER_FOREST_PRODUCTS"""
    )


@cache
def job_titles() -> tuple[str, ...]:
    return _words(
        """Einkauf, Geschäftsführerin, Sales Manager, Office Manager, Buchhaltung, CTO, Head of Marketing, Assistant,
        Engineer, Kierownik, Müdür, Warehouse Lead"""
    )


@cache
def goods() -> tuple[tuple[str, str, int], ...]:
    """What the shop sells: title, SKU and price in euro cents."""
    titles = _words(
        """Filterkaffee Hausmischung 1 kg, Espresso Napoli 500 g, Espressokanne 6 Tassen, Handmühle Stahl, Milchkännchen,
        Porzellanbecher weiß, Teekanne Gusseisen, Sencha 100 g, Darjeeling First Flush, Siebträger Classic, Reiniger für
        Maschinen, Filtertüten 100 Stück, Geschenkkarte, Barista-Kurs, Reisebecher, Waage mit Timer, Kakao bio 500 g,
        Honig aus Linden, Dripper Keramik, Glaskaraffe"""
    )
    prices = (
        1890,
        1290,
        3490,
        8900,
        1450,
        1190,
        5400,
        1590,
        2290,
        64900,
        990,
        590,
        5000,
        12900,
        2450,
        4990,
        1090,
        890,
        2790,
        3190,
    )
    return tuple(
        (title, f"KK-{i + 101}", price) for i, (title, price) in enumerate(zip(titles, prices, strict=True))
    )
