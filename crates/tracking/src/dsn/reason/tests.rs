use super::*;

#[test]
fn codes_are_found_among_words() {
    let codes = |text| words_codes(text).collect::<Vec<_>>();
    assert_eq!(codes("550-5.1.1 <a@b>: no (#5.2.1)"), ["5.1.1", "5.2.1"]);
    assert_eq!(codes("host 5.1.1.1 said 250 2.0.0 at 4.56.55.1; 5.1, 5.1.1111 5..1"), Vec::<&str>::new());
}
