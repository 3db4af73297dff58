use proptest::prelude::*;

use super::*;

const LISTS: [UnitList; 4] = [UnitList::Rec20, UnitList::X12, UnitList::Edifact, UnitList::Words];

#[test]
fn codes_of_recommendation_20_stay_as_they_are() {
    for code in
        ["EA", "C62", "H87", "KGM", "MTR", "LTR", "MTK", "MTQ", "SET", "PR", "DZN", "CT", "PK", "BX", "CS", "PX", "RO", "TNE", "HUR"]
    {
        assert_eq!(unit(code, UnitList::Rec20), Some(code));
        assert_eq!(unit(code, UnitList::Edifact), Some(code));
    }
}

#[test]
fn withdrawn_codes_and_those_with_an_x_become_todays() {
    for (written, code) in [
        ("PCE", "H87"),
        (" pce ", "H87"),
        ("XBX", "BX"),
        ("XCT", "CT"),
        ("XPX", "PX"),
        ("XPK", "PK"),
        ("XSA", "SA"),
        ("XKG", "XKG"),
        ("KG", "KGM"),
        ("XST", "XST"),
        ("XSX", "SET"),
        ("CTN", "CT"),
        ("PAL", "PX"),
        ("Stück", "H87"),
        ("Each", "EA"),
    ] {
        assert_eq!(unit(written, UnitList::Rec20), Some(code), "{written}");
    }
}

#[test]
fn x12_has_its_own_codes() {
    for (written, code) in [
        ("EA", "EA"),
        ("CA", "CS"),
        ("CT", "CT"),
        ("BX", "BX"),
        ("DZ", "DZN"),
        ("LB", "LBR"),
        ("OZ", "ONZ"),
        ("FT", "FOT"),
        ("IN", "INH"),
        ("GA", "GLL"),
        ("PK", "PK"),
        ("PC", "H87"),
        ("ST", "SET"),
        ("SH", "XST"),
        ("CN", "CX"),
        ("PL", "PX"),
        ("KG", "KGM"),
        ("KE", "XKG"),
        ("LT", "LTR"),
        ("MR", "MTR"),
        ("RL", "RO"),
        ("RE", "RL"),
        ("UN", "C62"),
        ("TH", "MIL"),
        // Of another list, which partners use all the same.
        ("KGM", "KGM"),
        ("PCE", "H87"),
        ("EACH", "EA"),
    ] {
        assert_eq!(unit(written, UnitList::X12), Some(code), "{written}");
    }
    assert_eq!(unit("ZZ", UnitList::X12), None);
}

#[test]
fn words_in_four_languages() {
    for (written, code) in [
        ("stuks", "H87"),
        ("St.", "H87"),
        ("Stk.", "H87"),
        ("STÜCK", "H87"),
        ("Stu\u{308}ck", "H87"),
        ("Stueck", "H87"),
        ("pcs.", "H87"),
        ("pièces", "H87"),
        ("stuk(s)", "H87"),
        ("per stuk", "H87"),
        ("ea.", "EA"),
        ("eenheden", "C62"),
        ("doos", "BX"),
        ("boîtes", "BX"),
        ("dozijn", "DZN"),
        ("dz", "DZN"),
        ("Dutzend", "DZN"),
        ("Karton", "CT"),
        ("Ktn.", "CT"),
        ("cartons", "CT"),
        ("pak", "PK"),
        ("colli", "PK"),
        ("EUR-pallet", "PX"),
        ("Paletten", "PX"),
        ("kg", "KGM"),
        ("gram", "GRM"),
        ("m", "MTR"),
        ("m²", "MTK"),
        ("m2", "MTK"),
        ("m³", "MTQ"),
        ("l", "LTR"),
        ("ml", "MLT"),
        ("rollen", "RO"),
        ("Rolle", "RO"),
        ("set", "SET"),
        ("Sätze", "SET"),
        ("paar", "PR"),
        ("uur", "HUR"),
        ("zak", "BG"),
        ("fles", "BO"),
        ("krat", "CR"),
        ("Kiste", "CR"),
        ("Bund", "BE"),
        ("Sack", "SA"),
        ("Säcke", "SA"),
        ("sachet", "SH"),
        ("emmer", "BJ"),
        ("100 St.", "CEN"),
        ("%", "P1"),
    ] {
        assert_eq!(unit(written, UnitList::Words), Some(code), "{written}");
    }
}

#[test]
fn what_could_be_two_things_is_none_until_the_language_is_known() {
    assert_eq!(unit("dozen", UnitList::Words), None);
    assert_eq!(unit_in("dozen", "nl"), Some("BX"));
    assert_eq!(unit_in("Dozen", "en"), Some("DZN"));
    assert_eq!(unit_in("stuks", "nl"), Some("H87"));
    assert_eq!(unit("ST", UnitList::Rec20), None);
    assert_eq!(unit("pound", UnitList::Words), None);
}

#[test]
fn what_no_unit_is_written_like_is_none() {
    for written in ["", " . ", "штука", "個", "banana", "stuks à 3 kg per doos in een krat op een pallet", "KG個"] {
        for list in LISTS {
            assert_eq!(unit(written, list), None, "{written}");
        }
    }
}

#[test]
fn every_word_stands_once_and_can_be_found() {
    for table in [&*codes::RECOMMENDED, &*codes::X12, &*words::WORDS] {
        for pair in table.0.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{:?}", pair);
        }
    }
    for (word, code) in &words::WORDS.0 {
        assert_eq!(unit(word, UnitList::Words), Some(*code));
    }
}

#[test]
fn our_own_codes_are_read_as_themselves() {
    for table in [&*codes::RECOMMENDED, &*codes::X12, &*words::WORDS] {
        for (word, code) in &table.0 {
            assert_eq!(unit(code, UnitList::Rec20), Some(*code), "{word}");
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_a_unit_or_none(text in "\\PC{0,80}") {
        for list in LISTS {
            if let Some(code) = unit(&text, list) {
                prop_assert!(code.len() <= 3);
            }
        }
    }

    #[test]
    fn case_dots_and_blanks_do_not_count(row in 0..words::WORDS.0.len(), upper: bool, dot: bool) {
        let (word, code) = words::WORDS.0[row];
        let word = if upper { word.to_uppercase() } else { word.to_owned() };
        let word = if dot { format!(" {word}. ") } else { word };
        prop_assert_eq!(unit(&word, UnitList::Words), Some(code));
    }
}
