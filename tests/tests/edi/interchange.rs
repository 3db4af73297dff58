//! Interchanges of an invented company.

/// One X12 interchange with an order for each of these numbers.
pub fn x12(control: u32, orders: &[String]) -> String {
    let mut text = format!(
        "ISA*00*          *00*          *ZZ*ACME           *ZZ*LOKET          *261125*0930*U*00401*{control:09}*0*P*>~\
         GS*PO*ACME*LOKET*20261125*0930*{control}*X*004010~"
    );
    for (index, order) in orders.iter().enumerate() {
        let number = index + 1;
        text.push_str(&format!(
            "ST*850*{number:04}~BEG*00*NE*{order}**20261125~CUR*BY*EUR~N1*BY*Acme Pompen B.V.*92*ACME~N1*SE*Loket Groothandel*92*LOKET~\
             PO1*1*{quantity}*EA*12.50**VP*PK-{number}*PD*Pakking {number} {order}~PO1*2*{more}*EA*3.75**VP*SL-{number}~CTT*2~SE*9*{number:04}~",
            quantity = number % 50 + 1,
            more = number % 7 + 2,
        ));
    }
    text.push_str(&format!("GE*{}*{control}~IEA*1*{control:09}~", orders.len()));
    text
}

/// Numbers of orders.
pub fn numbers(prefix: &str, count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("{prefix}-{number:05}")).collect()
}

/// One EDIFACT interchange with one order; it asks for an acknowledgement.
pub fn edifact(control: u32, order: &str) -> String {
    format!(
        "UNA:+.? 'UNB+UNOC:3+8712345000004:14+8798765000003:14+261125:0930+{control}++ORDERS++1'UNH+1+ORDERS:D:96A:UN:EAN008'\
         BGM+220+{order}+9'DTM+137:20261125:102'NAD+BY+8712345000004::9++Acme Pompen B.V.'NAD+SU+8798765000003::9'CUX+2:EUR:9'\
         LIN+1++8711111000009:EN'IMD+F++:::Pakking {order}'QTY+21:12:PCE'PRI+AAA:12.50'UNS+S'CNT+2:1'UNT+13+1'UNZ+1+{control}'"
    )
}
