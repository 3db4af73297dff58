//! Units as people write them: Dutch, English, German and French, with plurals and abbreviations. Written without accents, dots and
//! blanks, as they are looked up.

use std::sync::LazyLock;

use super::super::fold::Table;

/// The words for units that mean one thing in all four languages.
pub(super) static WORDS: LazyLock<Table> = LazyLock::new(|| Table::new(ROWS));

/// What a word means in one language when it means something else in another.
pub(super) fn in_language(word: &str, language: &str) -> Option<&'static str> {
    Some(match (word, language) {
        // Twelve, or the plural of "doos".
        ("dozen", "en") => "DZN",
        ("dozen", "nl") => "BX",
        // A measure of weight, or half a kilogram, which has no code.
        ("pound" | "pounds", "en") => "LBR",
        // A tin, or a dose; a barrel, or a metric ton.
        ("dose" | "dosen", "de") => "TN",
        ("ton", "nl") => "TNE",
        // A lot, or lead.
        ("lot" | "lots", "fr" | "en") => "LO",
        _ => return None,
    })
}

const ROWS: &[(&str, &str)] = &[
    // Things, counted.
    ("EA", "ea each eachs eaches elk"),
    (
        "C62",
        "unit units unt unts unite unites eenheid eenheden einheit einheiten exemplaar exemplaren exemplar exemplare exemplaire \
         exemplaires",
    ),
    (
        "H87",
        "h87 pce pces pcs pc pcse piece pieces pieza stuk stuks stk stks st sts stck stcke stuck stucke stucken stueck stuecke \
         stuecken artikel artikelen article articles item items pst pstuk pstk",
    ),
    ("PR", "paar paren pair pairs pr prs paire paires paare"),
    ("DZN", "dozijn dozijnen dz dzn dzd dtz dtzd doz dutzend dutzende douzaine douzaines dzne"),
    ("GRO", "gros gross grosse"),
    (
        "CEN",
        "honderd honderdtal hundred hundreds hundert centaine centaines 100st 100stk 100stuks 100stuck 100stueck 100pcs %st %stk \
         %stuks",
    ),
    ("MIL", "duizend duizendtal thousand thousands tausend tsd millier milliers 1000st 1000stk 1000stuks 1000stuck 1000stueck 1000pcs"),
    ("P1", "% percent procent prozent pourcent pct"),
    ("SET", "set sets stel stellen satz satze saetze garnitur garnituren jeu jeux garnituur"),
    ("KT", "kit kits"),
    ("LS", "pauschal pauschale forfait lumpsum vasteprijs"),
    ("LR", "laag lagen layer layers lage couche couches"),
    ("RM", "riem riemen ream reams ries rame rames"),
    ("PTN", "portie porties portion portions portionen"),
    // Mass.
    ("MGM", "mg mgr milligram milligrams milligramm milligramme milligrammes"),
    ("GRM", "g gr grs gram grams grammen gramm gramme grammes grm"),
    ("KGM", "kg kgs kgr kgm kilo kilos kilogram kilograms kilogrammen kilogramm kilogramme kilogrammes"),
    ("DTN", "dt dezitonne dezitonnen"),
    ("TNE", "t tne tonne tonnes metricton metrictons metrischeton"),
    ("CTM", "karaat carat carats karat"),
    ("ONZ", "oz ozs ounce ounces"),
    ("LBR", "lb lbs"),
    // Length.
    ("MMT", "mm mmt millimeter millimeters millimetre millimetres"),
    ("CMT", "cm cmt centimeter centimeters centimetre centimetres zentimeter"),
    ("DMT", "dm dmt decimeter decimeters decimetre dezimeter"),
    (
        "MTR",
        "m mtr mtrs mtr1 m1 lm lfm lfdm lfdmtr lfmtr strm strmtr meter meters metre metres metern metrelineaire metreslineaires \
         strekkendemeter strekkendemeters lopendemeter lopendemeters laufmeter laufendermeter laufendemeter laufendemetern \
         linearmeter linearmetre",
    ),
    ("KMT", "km kmt kilometer kilometers kilometre kilometres"),
    ("INH", "inch inches duim zoll pouce pouces"),
    ("FOT", "ft foot feet voet pied pieds fuss"),
    ("YRD", "yd yds yard yards"),
    // Area.
    ("CMK", "cm2 qcm vierkantecentimeter quadratzentimeter"),
    ("DMK", "dm2 qdm"),
    (
        "MTK",
        "m2 mtr2 qm sqm mtk vierkantemeter vierkantemeters squaremeter squaremeters squaremetre squaremetres quadratmeter \
         metrecarre metrescarres",
    ),
    ("FTK", "ft2 sqft squarefoot squarefeet"),
    ("YDK", "yd2 sqyd squareyard squareyards"),
    ("HAR", "ha hectare hectares hektar"),
    // Volume.
    ("MLT", "ml mlt milliliter milliliters millilitre millilitres"),
    ("CLT", "cl clt centiliter centiliters centilitre centilitres zentiliter"),
    ("DLT", "dl dlt deciliter deciliters decilitre decilitres deziliter"),
    ("LTR", "l lt lit ltr ltrs liter liters litre litres litern"),
    ("HLT", "hl hlt hectoliter hectoliters hectolitre hectolitres hektoliter"),
    ("CMQ", "cm3 ccm cc kubiekecentimeter kubikzentimeter"),
    ("DMQ", "dm3"),
    (
        "MTQ",
        "m3 mtr3 cbm mtq kuub kub kubiekemeter kubiekemeters cubicmeter cubicmeters cubicmetre cubicmetres kubikmeter metrecube \
         metrescubes stere steres",
    ),
    ("FTQ", "ft3 cuft cubicfoot cubicfeet"),
    ("OZA", "floz fluidounce fluidounces"),
    ("GLL", "gal gals gallon gallons"),
    // Time.
    ("MIN", "min mins minuut minuten minute minutes"),
    ("HUR", "h hr hrs uur uren hour hours std stunde stunden heure heures"),
    ("DAY", "dag dagen day days tag tage tagen jour jours"),
    ("WEE", "wk wks week weken weeks woche wochen semaine semaines"),
    ("MON", "mnd maand maanden month months monat monate monaten mois"),
    ("ANN", "jr jaar jaren year years jahr jahre jahren annee annees"),
    // Energy.
    ("KWH", "kwh kilowattuur kilowatthour kilowatthours kilowattstunde kilowattstunden kilowattheure kilowattheures"),
    ("MWH", "mwh megawattuur megawattstunde"),
    // Packages.
    ("AM", "ampul ampullen ampulle ampule ampoule ampoules"),
    ("XAE", "spuitbus spuitbussen aerosol aerosols spraydose spraydosen"),
    ("BA", "barrel barrels baril barils"),
    ("BE", "bundel bundels bund bunde bundle bundles bdl bdls bundlen botte bottes fagot"),
    ("BG", "zak zakken zk zkn bag bags beutel sac sacs tute tuten tuete tueten polybag polybags"),
    ("BH", "bos bossen bunch bunches bouquet bouquets strauss strausse straeusse"),
    ("BJ", "emmer emmers bucket buckets eimer seau seaux"),
    ("BK", "mand manden basket baskets korb korbe koerbe panier paniers"),
    ("BL", "baal balen bale bales ballen balle balles"),
    ("BO", "fles flessen fl flsn bottle bottles btl btls flasche flaschen flas bouteille bouteilles flacon flacons"),
    ("BR", "staaf staven stang stangen bar bars barre barres stange"),
    ("BX", "doos ds dozn doosje doosjes box boxes bx bxs bxes schachtel schachteln sch boite boites boxen"),
    ("CL", "coil coils"),
    ("CN", "container containers conteneur conteneurs"),
    ("CQ", "cartridge cartridges patroon patronen patrone patronenstuck kartusche kartuschen cartouche cartouches"),
    ("CR", "krat kratten crate crates kist kiste kisten cageot cageots harasse steige steigen"),
    ("CS", "case cases cs caisse caisses"),
    ("CT", "karton kartons kartonnen ktn kart kt carton cartons ctn ctns crt cartonnen omdoos omdozen"),
    ("CU", "beker bekers cup cups becher gobelet gobelets"),
    ("CX", "can cans canette canettes"),
    ("CI", "kanister canister canisters"),
    ("CY", "cilinder cilinders cylinder cylinders zylinder cylindre cylindres"),
    ("XDN", "display displays dispenser dispensers"),
    ("DR", "drum drums vat vaten trommel trommels fass fasser faesser fut futs"),
    ("EN", "envelop enveloppen envelope envelopes umschlag umschlage enveloppe"),
    ("JC", "jerrycan jerrycans jerrican jerricans jerrykan jerrykans bidon bidons"),
    ("JG", "kannen jug jugs krug kruge cruche"),
    ("JR", "jar jars bocal bocaux"),
    ("XKG", "keg kegs"),
    ("PA", "pakje pakjes packet packets paquet paquets packchen paeckchen"),
    ("XPC", "parcel parcels colis"),
    ("PG", "plaat platen plate plates platte platten plaque plaques"),
    ("XPI", "pipe pipes buis buizen rohr rohre tuyau tuyaux"),
    (
        "PK",
        "pak pakken pk pks pck pack packs package packages pkg pkgs pakket pakketten packung packungen pkt paket pakete packen \
         colli collo kolli verpakking verpakkingen ve vpe verpackungseinheit verpackungseinheiten",
    ),
    ("PL", "pail pails"),
    ("PN", "plank planken brett bretter planche planches"),
    ("XPO", "pouch pouches"),
    ("XPT", "pot potten pots potje potjes topf topfe toepfe"),
    ("PU", "tray trays plateau plateaus plateaux tablett tabletts barquette barquettes schaal schalen schale"),
    (
        "PX",
        "pallet pallets plt plts pal pll palette paletten palettes eurpallet eurpallets europallet europallets europalette \
         europaletten eurpalette eurpaletten blokpallet blokpallets palet",
    ),
    ("RK", "rek rekken rack racks"),
    ("RL", "haspel haspels reel reels bobine bobines trommelhaspel touret tourets"),
    ("RO", "rol rollen rolle rl rll rls roll rolls rlls rouleau rouleaux"),
    ("SA", "sack sacks sacke saecke"),
    ("SH", "sachet sachets zakje zakjes"),
    ("SI", "skid skids"),
    ("SO", "spoel spoelen spool spools spule spulen"),
    ("XST", "vel vellen blad bladen sheet sheets blatt blatter blaetter bogen feuille feuilles"),
    ("SY", "koker kokers sleeve sleeves hulse hulsen huelse huelsen"),
    ("TB", "tub tubs kuip kuipen kubel kuebel"),
    ("TN", "blik blikken blikje blikjes tin tins boitedeconserve"),
    ("TU", "tube tubes tuben"),
    ("VI", "vial vials fiole fioles"),
    ("XWA", "ibc ibcs ibccontainer"),
];
