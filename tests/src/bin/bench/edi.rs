//! How fast interchanges are read on one core, beside other readers of the same files in the same run: pyx12 and pydifact, in the Python
//! environment that `script/bench` makes. And what a large one takes of memory beside its own bytes.

use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use loket_core::delivery::Delivery;
use loket_core::reader::{Part, Reader};
use loket_edi_edifact::EdifactReader;
use loket_edi_x12::X12Reader;

use crate::figures::Figure;
use crate::intake::peak_memory;

/// Interchanges of an order each, as partners send them.
const SMALL: usize = 2_000;
/// Lines of an order.
const LINES: usize = 20;
const TURNS: usize = 6;
const TURN: Duration = Duration::from_millis(500);
const LARGE: usize = 100 << 20;

/// Measures one syntax.
pub fn measure(name: &str) -> Result<Vec<Figure>> {
    let (reader, make): (&dyn Reader, fn(usize, usize) -> String) =
        if name == "edi-x12" { (&X12Reader, x12) } else { (&EdifactReader, edifact) };
    let files: Vec<String> = (0..SMALL).map(|number| make(number, 1)).collect();
    let bytes: usize = files.iter().map(String::len).sum();
    let deliveries: Vec<Delivery> = files.iter().map(|file| delivery(reader, file.clone())).collect();
    let (mut read, mut took) = (0, Duration::ZERO);
    for _ in 0..TURNS {
        let started = Instant::now();
        while started.elapsed() < TURN {
            for delivery in &deliveries {
                ensure!(count(reader, black_box(delivery))? == 1, "not one order");
            }
            read += SMALL;
        }
        took += started.elapsed();
    }
    let per_second = read as f64 / took.as_secs_f64();
    let megabytes = per_second * bytes as f64 / SMALL as f64 / 1e6;
    let theirs = peer(name, &files)?;
    let mut figures = vec![
        Figure::new(name, megabytes, "MB/s", Some(theirs * bytes as f64 / SMALL as f64 / 1e6)),
        Figure::new(format!("{name}-interchanges"), per_second, "files/s", Some(theirs)),
    ];
    // One of the largest: what is in memory at the peak, less what was there before and its own bytes.
    drop((files, deliveries));
    let orders = LARGE / make(0, 1).len();
    let large = make(0, orders);
    let size = large.len();
    let delivery = delivery(reader, large);
    let before = peak_memory()?;
    ensure!(count(reader, &delivery)? == orders, "not {orders} orders");
    let peak = (peak_memory()? - before).max(0.0);
    figures.push(Figure::new(format!("{name}-large-memory"), peak, "MB", Some(size as f64 / 1048576.0)));
    Ok(figures)
}

fn delivery(reader: &dyn Reader, text: String) -> Delivery {
    Delivery::standalone("bench", "key", reader.media_types().first().copied().unwrap_or_default(), text.into_bytes())
}

fn count(reader: &dyn Reader, delivery: &Delivery) -> Result<usize> {
    let mut orders = 0;
    for part in reader.parts(delivery)? {
        match part {
            Part::Message(message) => orders += usize::from(black_box(message).order.is_some()),
            Part::Aside(aside) => anyhow::bail!("{}", aside.reason),
        }
    }
    Ok(orders)
}

/// Interchanges a second that the other reader reads, on the same files.
fn peer(name: &str, files: &[String]) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    // Python takes its time: a tenth of them tells as much.
    for (number, file) in files.iter().take(SMALL / 10).enumerate() {
        std::fs::write(folder.path().join(format!("{number}.edi")), file)?;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let python = std::env::var("LOKET_PYTHON_ENV").map_or_else(|_| root.join("target/python-env"), Into::into).join("bin/python");
    let script = root.join("tests/src/bin/bench/edi_peers.py");
    let output = Command::new(&python).arg(script).arg(name).arg(folder.path()).output();
    let output = output.with_context(|| format!("{}: run script/bench, which makes the Python environment", python.display()))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seconds: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
    Ok((SMALL / 10) as f64 / seconds)
}

fn x12(number: usize, orders: usize) -> String {
    let mut out = format!(
        "ISA*00*          *00*          *14*8712345000004  *14*8799999000003  *261125*0930*U*00401*{:09}*0*P*>~\nGS*PO*8712345000004*8799999000003*20261125*0930*{number}*X*004010~\n",
        number + 1
    );
    for order in 0..orders {
        let po = number * 1_000_000 + order;
        let _ = write!(
            out,
            "ST*850*{:04}~\nBEG*00*SA*{po}**20261125~\nCUR*BY*EUR~\nDTM*002*20261201~\nN1*BY*Bouwmarkt De Hamer*UL*8712345000004~\nN1*ST*Magazijn Noord*UL*8712345000011~\nN3*Kade 12~\nN4*Groningen**9711 AB*NL~\n",
            order + 1
        );
        for line in 1..=LINES {
            let _ = write!(
                out,
                "PO1*{line}*{}*EA*{}.{:02}**VP*ART-{:05}*UP*087123450{:05}~\nPID*F****Kopieerpapier A4 80 grams wit, pak van 500 vel~\n",
                line * 3,
                line + 1,
                line * 7 % 100,
                line * 37,
                line * 11
            );
        }
        let _ = write!(out, "CTT*{LINES}~\nSE*{}*{:04}~\n", 10 + 2 * LINES, order + 1);
    }
    let _ = write!(out, "GE*{orders}*{number}~\nIEA*1*{:09}~\n", number + 1);
    out
}

fn edifact(number: usize, orders: usize) -> String {
    let mut out = format!("UNA:+.? '\nUNB+UNOC:3+8712345000004:14+8799999000003:14+261125:0930+{number}'\n");
    for order in 0..orders {
        let po = number * 1_000_000 + order;
        let _ = write!(
            out,
            "UNH+{}+ORDERS:D:96A:UN:EAN008'\nBGM+220+{po}+9'\nDTM+137:20261125:102'\nDTM+2:20261201:102'\nNAD+BY+8712345000004::9'\nNAD+SU+8799999000003::9'\nNAD+DP+8712345000011::9++Magazijn Noord+Kade 12+Groningen++9711AB+NL'\nCUX+2:EUR:9'\n",
            order + 1
        );
        for line in 1..=LINES {
            let _ = write!(
                out,
                "LIN+{line}++871234500{:04}:EN'\nPIA+1+ART-{:05}:SA'\nIMD+F++:::Kopieerpapier A4 80 grams wit?, pak van 500'\nQTY+21:{}:PCE'\nPRI+AAA:{}.{:02}'\n",
                line * 11,
                line * 37,
                line * 3,
                line + 1,
                line * 7 % 100
            );
        }
        let _ = write!(out, "UNS+S'\nCNT+2:{LINES}'\nUNT+{}+{}'\n", 11 + 5 * LINES, order + 1);
    }
    let _ = writeln!(out, "UNZ+{orders}+{number}'");
    out
}
